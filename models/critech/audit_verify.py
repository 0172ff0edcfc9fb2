"""Verify an audit log: which line was changed, cut, put in or moved.

One pass over the files in the order given, a line in memory at a time. What the chain cannot show
stands in ``docs/audit.md``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from critech.audit import open_line
from critech.audit_files import LogFiles
from critech.audit_head import HeadFile, parse_head, read_head
from critech.audit_report import Report
from critech.audit_walk import Walk
from critech.errors import InputError

MAX_LINE = 1 << 20  # bytes; a longer line is no record


def verify(paths: Sequence[Path], head: str | None = None) -> Report:
    """Return what is wrong with a log in one or more files, oldest first.

    The end is held against ``head``, the hash of a record kept elsewhere, and against the head
    beside the last file. Raise InputError for a file that cannot be read.
    """
    try:
        with ExitStack() as stack:
            files, beside = _snapshot(paths, stack)
            walk = Walk(None if beside is None else parse_head(beside), head)
            for path, file, size in files:
                walk.begin_file(path.name)
                for line, is_new in _lines(file, size):
                    record = open_line(line[:-1]) if is_new and line.endswith(b"\n") else None
                    walk.line(line, is_new, record)
                walk.end_file()
            walk.end()
    except OSError as error:
        name = Path(error.filename).name if isinstance(error.filename, str) else "audit log"
        raise InputError(name, f"cannot be read: {error.strerror}") from None
    if beside is not None and parse_head(beside) is None:
        walk.report.add(LogFiles(paths[-1]).head.name, 1, "changed", "is not a head")
    if beside is None and head is None:
        walk.report.notes.append("no head was given or found: a cut at the end would not show")
    return walk.report


def _snapshot(
    paths: Sequence[Path], stack: ExitStack
) -> tuple[list[tuple[Path, BinaryIO, int]], bytes | None]:
    """Return the files, open, with their lengths at one moment, and the head's bytes then."""
    head = HeadFile(LogFiles(paths[-1]).head)
    with ExitStack() as moment:
        beside = None
        if head.path.exists():
            beside = read_head(moment.enter_context(head.locked(shared=True)))
        opened = [(path, stack.enter_context(path.open("rb"))) for path in paths]
        return [(path, file, os.fstat(file.fileno()).st_size) for path, file in opened], beside


def _lines(file: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield lines with their newline, a long one in pieces, and whether each begins a line."""
    is_new, left = True, size
    while left > 0 and (line := file.readline(min(left, MAX_LINE))):
        yield line, is_new
        is_new = line.endswith(b"\n")
        left -= len(line)
