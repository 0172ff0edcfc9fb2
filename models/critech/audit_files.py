"""The files of an audit log, and where the chain in one of them ends.

``audit.jsonl`` is written to; ``audit-000001.jsonl`` and so on are finished and never touched
again; ``audit.jsonl.head`` stands beside them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from critech.audit import Link, link_of, open_line

_WINDOW = 1 << 16  # bytes read from the end at first


@dataclass(frozen=True)
class LogFiles:
    """Where the files of one log lie."""

    log: Path

    @property
    def head(self) -> Path:
        """The head beside the log."""
        return self.log.with_name(self.log.name + ".head")

    def part(self, number: int) -> Path:
        """Return the path of a finished part, from 1."""
        return self.log.with_name(f"{self.log.stem}-{number:06d}{self.log.suffix}")

    def parts(self) -> list[Path]:
        """Return the finished parts that are there, oldest first."""
        name = re.compile(re.escape(self.log.stem) + r"-(\d{6,})" + re.escape(self.log.suffix))
        found = [
            (int(match[1]), path)
            for path in self.log.parent.iterdir()
            if (match := name.fullmatch(path.name))
        ]
        return [path for _, path in sorted(found)]

    def next_part(self) -> int:
        """Return the number of the part that the log is to become: the one that it gives itself,
        so that parts can be moved away, but never that of a part that is there."""
        parts = self.parts()
        free = 1 if not parts else int(parts[-1].stem.rpartition("-")[2]) + 1
        return max(free, _own_number(self.log))


@dataclass(frozen=True)
class Tail:
    """The end of a file: its last intact record, None without one, and what follows it."""

    last: Link | None
    torn: bytes
    size: int


def read_tail(path: Path) -> Tail:
    """Return the end of a log file; of a missing one, an empty end."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            window = _WINDOW
            while True:
                start = file.seek(max(0, size - window))
                tail = _tail(file.read(size - start), size, whole=start == 0)
                if tail.last is not None or start == 0:
                    return tail
                window *= 4
    except FileNotFoundError:
        return Tail(None, b"", 0)


def _tail(data: bytes, size: int, whole: bool) -> Tail:
    end = data.rfind(b"\n") + 1
    while end > 0:
        start = data.rfind(b"\n", 0, end - 1) + 1
        if start == 0 and not whole:
            break  # the window may begin within this line
        record = open_line(data[start : end - 1])
        if record is not None:
            return Tail(link_of(record), data[end:], size)
        end = start
    return Tail(None, data, size)


def _own_number(path: Path) -> int:
    try:
        with path.open("rb") as file:
            first = open_line(file.readline(_WINDOW).removesuffix(b"\n"))
    except FileNotFoundError:
        return 0
    number = 0 if first is None else first.get("part", 0)
    return number if isinstance(number, int) else 0
