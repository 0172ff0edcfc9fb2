"""The inputs as named: files, folders, globs, standard input and URLs, in the order given."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

from critech.batch.addresses import opened as file_system
from critech.batch.reading.streams import ZIP, StreamError, faults_named, needed
from critech.errors import InputError

Kind = Literal["file", "folder", "archive", "stdin"]
STDIN = "-"
ABSENT = (404, 410)  # of HTTP
_MAGIC = "*?["


@dataclass(frozen=True)
class Input:
    """Something to read. ``open`` returns its bytes as stored. ``key`` is the same for two names
    of one file. ``before``: keys of the inputs before this one."""

    name: str
    kind: Kind
    open: Callable[[], BinaryIO]
    key: str
    before: frozenset[str] = frozenset()


def expand(names: Sequence[str], stdin: BinaryIO | None) -> list[Input]:
    """Return the inputs, globs in the order of names, nothing twice. Raises InputError for a name
    that stands for nothing."""
    found: dict[str, Input] = {}
    for name in names:
        for each in _checked(name, stdin):
            parents = [str(parent) for parent in Path(each.key).parents]
            if not any(key in found for key in (each.key, *parents)):
                found[each.key] = (
                    replace(each, before=frozenset(found)) if each.kind == "folder" else each
                )
    if not found:
        raise InputError("input", "nothing to read")
    return list(found.values())


def _checked(name: str, stdin: BinaryIO | None) -> list[Input]:
    try:
        return list(_named(name, stdin))
    except (OSError, ValueError, StreamError):
        raise InputError(name, "cannot be opened") from None


def _named(name: str, stdin: BinaryIO | None) -> Iterator[Input]:
    if name == STDIN:
        if stdin is None:
            raise InputError(STDIN, "no standard input")
        yield Input(STDIN, "stdin", lambda: stdin, STDIN)
    elif "://" in name:
        yield from _remote(name)
    elif not Path(name).exists() and any(char in name for char in _MAGIC):
        paths = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 (absolute ones, too)
        paths = [path for path in paths if Path(path).is_file()]
        if not paths:
            raise InputError(name, "no file has such a name")
        yield from map(_local, paths)
    else:
        yield _local(name)


def open_path(path: Path) -> BinaryIO:
    """Return the open file."""
    return path.open("rb")


def _local(name: str) -> Input:
    path = Path(name)
    if path.is_dir():
        return Input(name, "folder", partial(open_path, path), str(path.resolve()))
    if not path.exists():
        raise InputError(name, "no such file or folder")
    if not path.is_file():
        raise InputError(name, "not a file; a pipe is read as standard input, by the name -")
    return _file(name, partial(open_path, path), str(path.resolve()))


def _remote(url: str) -> Iterator[Input]:
    needed("fsspec", "a URL")
    try:
        system, path = file_system(url, url)
        magic = any(char in path for char in _MAGIC)
        paths = sorted(system.glob(path)) if magic else [path]
        found = bool(paths) and all(_is_file(url, system, each) for each in paths)
    except InputError:
        raise
    except Exception:  # each store has errors of its own
        raise InputError(url, "cannot be reached") from None
    if not found:
        raise InputError(url, "no such file; name a folder's files by a glob")
    for each in paths:
        name = str(system.unstrip_protocol(each))
        yield _file(name, lambda path=each: system.open(path, "rb"), name)  # type: ignore[misc]


def _is_file(url: str, system: Any, path: str) -> bool:
    """Return whether there is a file. Raise what the store raises where it does not say: asked so,
    stores call that no file, and HTTP's names it as the cause of a missing one."""
    if system.isfile(path):
        return True
    try:
        system.info(path)
    except FileNotFoundError as error:
        cause = error.__cause__
        if cause is None or not url.startswith(("http://", "https://")):
            return False
        status = getattr(cause, "status", None)
        if status is None:
            raise cause from None
        if status not in ABSENT:
            raise InputError(url, f"cannot be opened (status {status})") from None
    return False


def _file(name: str, opening: Callable[[], BinaryIO], key: str) -> Input:
    with opened(name, opening) as file:
        archive = faults_named(lambda: file.read(len(ZIP))) == ZIP
    return Input(name, "archive" if archive else "file", opening, key)


def opened(name: str, opening: Callable[[], BinaryIO]) -> BinaryIO:
    """Return the open file. Raises InputError where that fails."""
    try:
        return opening()
    except Exception as error:  # a store's errors, or the system's
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no access"
        raise InputError(name, f"cannot be opened ({reason})") from None
