"""What will be read, said before it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from critech.batch.reading.formats import Format
from critech.batch.reading.mapping import FieldMapping
from critech.errors import InputError


@dataclass(frozen=True)
class PlannedSource:
    """One input. ``mapping`` and ``columns`` are of formats with columns: the guesses made, and
    the names found, in a folder or an archive those of the first such file. ``files`` counts what
    is read of a folder or an archive, ``skipped`` what is passed over there. ``notes`` are
    warnings, one sentence each. ``unfit`` counts the files in which nothing that was looked at can
    become a record; ``fault`` says why not in the first of them."""

    name: str
    formats: tuple[Format, ...]
    mapping: FieldMapping | None = None
    columns: tuple[str, ...] = ()
    files: int = 1
    skipped: int = 0
    notes: tuple[str, ...] = ()
    unfit: int = 0
    fault: InputError | None = None

    def fields(self) -> dict[str, str]:
        """Return the column of each field that is read."""
        return {} if self.mapping is None else self.mapping.columns()

    def __str__(self) -> str:
        parts = [f"{self.name}: {'+'.join(self.formats) or 'nothing to read'}"]
        if self.files != 1 or self.skipped:
            parts.append(f"files: {self.files} read, {self.skipped} passed over")
        if self.mapping is not None:
            parts.append(str(self.mapping))
        return "; ".join((*parts, *self.notes))


@dataclass(frozen=True)
class Plan:
    """The inputs in reading order. As text: one line for each."""

    sources: tuple[PlannedSource, ...]

    def __str__(self) -> str:
        return "\n".join(str(source) for source in self.sources)


Tell = Callable[[PlannedSource], None]
