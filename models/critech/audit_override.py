"""A reviewer's verdict over the machine's: found in the log, put on record after it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from critech.audit import Link, open_line, override_entry
from critech.audit_files import LogFiles
from critech.audit_log import AuditLog
from critech.errors import InputError

_WINDOW = 1 << 16  # bytes that a file's first record, which is short, takes at most

Record = Mapping[str, Any]


def override(
    log: AuditLog, seq: int, verdict: str, reason_code: str, reviewer: str
) -> tuple[Link, Record]:
    """Append the record that a reviewer gives a screened filing another verdict; return its place
    and the screening record.

    The verdict before is that of the last override of the same record, else the record's own.
    Raise InputError for a number that is no screening record's and for values of another form.
    """
    search = _Search(log.files, seq)
    with suppress(FileNotFoundError):  # a rotation is under way; what is missed is read below
        search.go_on()  # before the log is held: no other can write meanwhile

    def build() -> list[Mapping[str, object]]:
        search.go_on()
        record, before = search.found()
        return [override_entry(record, before, verdict, reason_code, reviewer)]

    (link,) = log.append_built(build)
    return link, search.found()[0]


class _Search:
    """What a log says of one screening record, read on from where the last look ended. Only lines
    that hold the record's number are parsed; files that end before it are not read."""

    def __init__(self, files: LogFiles, seq: int) -> None:
        self._files, self._seq = files, seq
        self._named = re.compile(rb'"seq":%d[,}]' % seq)
        self._read: dict[int, int] = {}  # bytes, by inode: a rotation changes the name alone
        self._record: Record | None = None
        self._override: Record | None = None

    def found(self) -> tuple[Record, str]:
        """Return the record and the verdict that stands; InputError where there is no record."""
        if self._record is None:
            raise InputError("record", f"{self._seq} is not a screening record of this log")
        if self._override is None:
            return self._record, self._record["verdict"]
        return self._record, self._override["verdict_after"]

    def go_on(self) -> None:
        """Read what was not read yet. May raise OSError."""
        paths = [*self._files.parts(), self._files.log]
        starts = [_first_seq(path) for path in paths[1:]]
        for path, after in zip(paths, [*starts, None], strict=True):
            if after is None or after > self._seq:
                for line in self._lines(path):
                    self._take(line)

    def _lines(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            file.seek(self._read.get(inode, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    return  # is being written
                self._read[inode] = self._read.get(inode, 0) + len(line)
                if self._named.search(line):
                    yield line

    def _take(self, line: bytes) -> None:
        record = open_line(line.removesuffix(b"\n"))
        if record is None:
            return
        if record["kind"] == "screening" and record["seq"] == self._seq:
            self._record = record
        elif record["kind"] == "override" and record["of"]["seq"] == self._seq:
            last = self._override
            if last is None or record["seq"] > last["seq"]:  # files may come out of order
                self._override = record


def _first_seq(path: Path) -> int | None:
    """Return the number of a file's first record, None where it is damaged."""
    with path.open("rb") as file:
        record = open_line(file.readline(_WINDOW).removesuffix(b"\n"))
    return None if record is None else int(record["seq"])
