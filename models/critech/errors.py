"""Errors of the core. HTTP status and exit codes are given to them at the edges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

MAX_SHOWN = 300


class CritechError(Exception):
    """Base of all errors that critech raises on purpose."""


class InputError(CritechError):
    """A caller's value cannot be used. ``field`` says where it stands; the value is not kept."""

    def __init__(self, field: str, problem: str, limit: int | None = None) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.limit = limit


class UnknownTaxonomyError(InputError):
    """A taxonomy id that the bundle does not hold."""

    def __init__(self, field: str, known: tuple[str, ...]) -> None:
        super().__init__(field, f"unknown taxonomy; expected one of {', '.join(known)}")
        self.known = known


class BundleError(CritechError):
    """A bundle is missing, changed or of another format: what, expected, found."""

    def __init__(self, part: str, problem: str, expected: object, found: object) -> None:
        shown = f"expected {_shown(expected)}, found {_shown(found)}"
        super().__init__(f"bundle {part}: {problem} ({shown})")
        self.part = part
        self.problem = problem
        self.expected = expected
        self.found = found

    def __reduce__(self) -> tuple[type[BundleError], tuple[str, str, str, str]]:
        """Return what another process makes the same error of."""
        return BundleError, (self.part, self.problem, str(self.expected), str(self.found))


@contextmanager
def disk_errors(where: str, problem: str) -> Iterator[None]:
    """Make an error of the disk an InputError about ``where``, not taken for another's."""
    try:
        yield
    except OSError as error:
        raise InputError(where, f"{problem} ({error.strerror})") from None


def _shown(value: object) -> str:
    """Return a value of a bundle, which may be hostile, as a short piece of one line."""
    text = str(value)
    plain = "".join(char if char.isprintable() else "?" for char in text[:MAX_SHOWN])
    return plain + ("..." if len(text) > MAX_SHOWN else "")
