"""The writer of an audit log: append-only, chained, shared between threads and processes.

Whatever happens, a record is in the file before ``append`` returns, or AuditError is raised. A
line cut short by a crash stays where it is, and the next record says so (kind ``recovered``).
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from critech import __version__
from critech.audit import FORMAT, ORIGIN, AuditError, Entry, Link, open_line, seal
from critech.audit_append import Appender, Fsync, write_all
from critech.audit_files import LogFiles, Tail, read_tail
from critech.audit_head import HeadFile, HeadState, read_head, resume, write_head
from critech.digest import digest

MAX_BYTES = 100_000_000
log = logging.getLogger("critech.audit")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class AuditLog:
    """An audit log, open for writing. ``fsync`` says when records reach the disk (see
    ``Appender``). A file that would grow past ``max_bytes`` becomes a finished part.

    Raise AuditError when the log cannot be opened or is no audit log.
    """

    def __init__(
        self,
        path: Path,
        fsync: Fsync = "always",
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        self.files = LogFiles(path)
        self.max_bytes = max_bytes
        self._clock = clock
        self._threads = threading.Lock()
        self._head = HeadFile(self.files.head)
        self._file = Appender(fsync)
        self._last = ORIGIN
        self._bare = False  # nothing but its first record is in the file
        with self._exclusive():
            pass

    def append(self, entries: Sequence[Entry]) -> list[Link]:
        """Write entries as records that follow one another; return their places in the chain."""
        return self.append_built(lambda: entries)

    def append_built(self, build: Callable[[], Sequence[Entry]]) -> list[Link]:
        """Write the entries that ``build`` returns; it runs while no other can write."""
        with self._exclusive() as head:
            entries = build()
            if not entries:
                return []
            links, data = self._seal(entries)
            if not self._bare and self._file.size + len(data) > self.max_bytes:
                self._begin(is_rotation=True)
                links, data = self._seal(entries)
            self._write(head, data, links[-1])
            return links

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        with self._threads, suppress(OSError):
            self._file.close()

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _exclusive(self) -> Iterator[int]:
        """Hold the log against threads and processes, at its end; give the open head."""
        with self._threads:
            try:
                with self._head.locked() as head:
                    if not self._file.is_current(self.files.log):
                        self._take_up(head)
                    yield head
            except OSError as error:
                with suppress(OSError):
                    self._file.close()  # so that the next call looks at what is there
                reason = error.strerror or type(error).__name__
                raise AuditError(f"the audit log cannot be written: {reason}") from None

    def _take_up(self, head: int) -> None:
        """Find the end of the chain, begin a file where there is none, record what is amiss."""
        self._file.close()
        tail, parts = self._tail(), self.files.parts()
        last = tail.last or (read_tail(parts[-1]).last if parts else None) or ORIGIN
        self._last, state = resume(last, read_head(head))
        lost = self._last.seq - last.seq
        if tail.size == 0:
            self._begin(is_rotation=False)
        else:
            self._file.open(self.files.log)
            self._bare = False
        is_new = last == ORIGIN and state == "missing"
        if tail.torn or not (is_new or state in ("whole", "behind")):
            self._recover(head, tail.torn, lost, state)
        else:
            write_head(head, self._last)

    def _tail(self) -> Tail:
        path = self.files.log
        if path.exists() and not path.is_file():
            raise AuditError(f"{path.name} is not a regular file")
        tail = read_tail(path)
        if tail.size and tail.last is None:
            raise AuditError(f"{path.name} holds no intact record: not an audit log")
        if open_line(tail.torn.rpartition(b"\n")[2]) is not None:  # whole but for its newline
            self._file.open(path)
            self._file.append(b"\n")
            tail = read_tail(path)
        return tail

    def _recover(self, head: int, torn: bytes, lost: int, state: HeadState) -> None:
        """Record what was found: torn bytes, told by length and digest, and records that the head
        names and nobody has."""
        was_ended = torn.endswith(b"\n")
        rest = torn.removesuffix(b"\n")
        entry = {
            "kind": "recovered",
            "torn": {"bytes": len(rest), "digest": digest(rest)} if torn else None,
            "lost": lost,
            "head": state,
        }
        link, line = seal(entry, self._last, self._clock())
        self._write(head, line if was_ended or not torn else b"\n" + line, link)
        log.warning("audit log recovered: %d bytes torn, %d records lost, head %s",
                    len(rest), lost, state)  # fmt: skip

    def _seal(self, entries: Sequence[Entry]) -> tuple[list[Link], bytes]:
        after, now, links, lines = self._last, self._clock(), [], []
        for entry in entries:
            after, line = seal(entry, after, now)
            links.append(after)
            lines.append(line)
        return links, b"".join(lines)

    def _write(self, head: int, data: bytes, last: Link) -> None:
        self._file.append(data)
        self._last, self._bare = last, False
        write_head(head, last)

    def _begin(self, is_rotation: bool) -> None:
        """Begin a new file; in a rotation the one that is open becomes a part. A file gets its
        first record before it gets its name, so that none is ever without."""
        path, parts, number = self.files.log, self.files.parts(), self.files.next_part()
        before = parts[-1] if parts else None
        if is_rotation:
            before, number = self.files.part(number), number + 1
        entry = {
            "kind": "start",
            "format": FORMAT,
            "part": number,
            "continues": None if before is None else before.name,
            "critech": __version__,
        }
        link, line = seal(entry, self._last, self._clock())
        new = path.with_name(path.name + ".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(descriptor, line)
            self._file.sync(descriptor)
        finally:
            os.close(descriptor)
        if is_rotation and before is not None:
            self._file.sync()
            path.rename(before)
        new.rename(path)
        self._file.sync_folder(path.parent)
        self._file.open(path)
        self._last, self._bare = link, True
