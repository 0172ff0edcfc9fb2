"""Members of zip archives, also of those inside an archive, unpacked as they are read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from critech.batch.reading.limits import Limits
from critech.batch.reading.streams import BUFFER, Bounded, Budget, StreamError, faults_named
from critech.batch.reading.zip_directory import open_zip

ARCHIVE = ".zip"


@dataclass(frozen=True)
class Member:
    """A file in an archive; ``inner.zip!file`` is one in an archive inside it. ``beside``: the
    names in the same archive, one object for all of its members. ``fault``: why it cannot be
    read."""

    name: str
    beside: tuple[str, ...]
    open: Callable[[], BinaryIO]
    fault: StreamError | None = None


def members(file: BinaryIO, limits: Limits) -> Iterator[Member]:
    """Yield the members in the order of the archive's directory. Archives inside are opened, one
    level deep. Raises StreamError for what is no zip archive or has too many members."""
    size = faults_named(lambda: file.seek(0, io.SEEK_END))
    budget = Budget(limits, lambda: size)
    for member in _listed(file, budget):
        if member.fault is not None or not member.name.lower().endswith(ARCHIVE):
            yield member
            continue
        try:
            inner = io.BytesIO(_whole(member, limits))
            for each in _listed(inner, budget):
                yield _inner(member, each)
        except StreamError as fault:
            yield replace(member, fault=fault)


def _listed(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    archive = open_zip(file, budget.limits)
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    beside = tuple(entry.filename for entry in entries)
    counts: dict[str, int] = {}
    taken: set[str] = set()
    for entry in entries:
        name, count = entry.filename, counts.get(entry.filename, 1)
        while name in taken:  # an archive may hold two files of one name
            count += 1
            stem, dot, ending = entry.filename.rpartition(".")
            name = f"{stem}#{count}{dot}{ending}"
        counts[entry.filename] = count
        taken.add(name)
        yield Member(name, beside, partial(_open, archive, entry, budget))


def _open(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: Budget) -> BinaryIO:
    stream = faults_named(lambda: archive.open(entry))
    return io.BufferedReader(Bounded(stream, budget), BUFFER)


def _whole(member: Member, limits: Limits) -> bytes:
    with member.open() as stream:
        data = stream.read(limits.inner_archive_bytes + 1)
    if len(data) > limits.inner_archive_bytes:
        most = limits.inner_archive_bytes
        raise StreamError("too_large", f"source: an archive inside, larger than {most} bytes")
    return data


def _inner(outer: Member, member: Member) -> Member:
    name = f"{outer.name}!{member.name}"
    if not member.name.lower().endswith(ARCHIVE):
        return Member(name, member.beside, member.open)
    fault = StreamError("nested_too_deep", "source: an archive in an archive in an archive")
    return Member(name, member.beside, member.open, fault)
