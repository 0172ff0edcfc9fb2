"""From inputs to sources: the single files of folders and archives, in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from critech.batch.reading.archives import Member, members
from critech.batch.reading.formats import Format, format_of_name, is_document_name
from critech.batch.reading.inputs import Input, open_path
from critech.batch.reading.limits import Limits
from critech.batch.reading.streams import StreamError, faults_named
from critech.errors import InputError

ARCHIVE = ".zip"


@dataclass(frozen=True)
class Source:
    """One file that holds records. ``open`` returns its bytes as stored, ``id`` is that of a plain
    text document. ``format`` None: to be told by the first bytes. ``fault``: why it cannot be read
    at all. ``skipped``: it is passed over. ``before``: an input before this one holds it.
    ``linked``: it is a link to a folder."""

    name: str
    id: str
    open: Callable[[], BinaryIO]
    format: Format | None = None
    fault: StreamError | None = None
    skipped: bool = False
    before: bool = False
    linked: bool = False


@dataclass(frozen=True)
class Entry:
    """What stands in a folder, relative to it: a file, or a link to a folder."""

    relative: str
    linked: bool = False


def sources(each: Input, limits: Limits, given: Format | None) -> Iterator[Source]:
    """Yield the sources of an input. Those of an archive must be read before the next is asked
    for. ``given``: the format of files and standard input, the only one read of folders and
    archives."""
    if each.kind == "folder":
        yield from _of_folder(each, limits, given)
    elif each.kind == "archive":
        yield from _of_archive(each.name, each.open, limits, given)
    else:
        format = given or (None if each.kind == "stdin" else format_of_name(each.name))
        yield Source(each.name, Path(each.name).name, each.open, format)


def _of_folder(each: Input, limits: Limits, given: Format | None) -> Iterator[Source]:
    folder = Path(each.name)
    names = (entry.relative for entry in entries_of(folder) if not entry.linked)
    chosen = _chosen(names, given)
    for entry in entries_of(folder):
        relative, path = entry.relative, folder / entry.relative
        if entry.linked:
            opening = partial(open_path, path)
            yield Source(str(path), relative, opening, skipped=True, linked=True)
        elif each.before and _read_before(each, relative):
            yield Source(str(path), relative, partial(open_path, path), skipped=True, before=True)
        elif path.suffix.lower() == ARCHIVE and is_document_name(relative):
            yield from _of_archive(str(path), partial(open_path, path), limits, given)
        else:
            format = format_of_name(relative)
            skipped = format not in chosen or not is_document_name(relative)
            opening = partial(open_path, path)
            yield Source(str(path), relative, opening, format, skipped=skipped)


def _read_before(folder: Input, relative: str) -> bool:
    """Return whether the file, or a folder that it stands in, is an input before this one."""
    inner = Path(folder.key, relative)
    keys = (str(Path(folder.name, relative).resolve()), *map(str, inner.parents))
    return not folder.before.isdisjoint(keys)


def entries_of(folder: Path) -> Iterator[Entry]:
    """Yield what is under a folder, with ``/``: links to folders and files of a folder by name,
    then those of the folders in it. Hidden folders and what is neither file nor folder (pipes,
    devices) are left out, links to folders are not followed: they may lead in a circle. Raises
    InputError for a folder that cannot be listed."""
    for base, folders, files in os.walk(folder, onerror=_not_listed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(base) / name for name in folders):
            if path.is_symlink():
                yield Entry(path.relative_to(folder).as_posix(), linked=True)
        for path in (Path(base) / name for name in sorted(files)):
            if path.is_file() or not path.exists():  # what has gone is said when it is read
                yield Entry(path.relative_to(folder).as_posix())


def _not_listed(error: OSError) -> None:
    raise InputError(str(error.filename), "folder cannot be listed") from None


def _of_archive(
    name: str, opening: Callable[[], BinaryIO], limits: Limits, given: Format | None
) -> Iterator[Source]:
    try:
        with closing(faults_named(opening)) as file:
            # Of the outer archive and of the one inside it, between which members alternate.
            latest: dict[bool, tuple[tuple[str, ...], set[Format]]] = {}
            for member in members(file, limits):
                inner = "!" in member.name
                if inner not in latest or latest[inner][0] is not member.beside:
                    latest[inner] = member.beside, _chosen(member.beside, given)
                yield _of_member(name, member, latest[inner][1])
    except StreamError as fault:
        yield Source(name, name, opening, fault=fault)


def _of_member(name: str, member: Member, chosen: set[Format]) -> Source:
    format = format_of_name(member.name)
    skipped = format not in chosen or not is_document_name(member.name)
    return Source(
        f"{name}!{member.name}",
        member.name.rpartition("!")[2],
        member.open,
        format,
        member.fault,
        skipped and member.fault is None,
    )


def _chosen(names: Iterable[str], given: Format | None) -> set[Format]:
    """Return the formats to read. Plain text beside other formats is a note about them."""
    if given is not None:
        return {given}
    found: set[Format] = set()
    for name in names:
        format = format_of_name(name)
        archive = name.lower().endswith(ARCHIVE)
        if archive or (format not in (None, "text") and is_document_name(name)):
            return {"jsonl", "csv", "tsv", "parquet", "xml"}
        found |= {format} if format else set()
    return found
