"""The head of an audit log: names the last record, and is the lock of the log.

With it a cut at the end shows. Processes lock it and not the log, since it is never renamed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from critech.audit import AuditError, Link

LOCK_SECONDS = 10.0
_POLL_SECONDS = 0.002
_HEAD = re.compile(rb"(\d{20}) (sha256:[0-9a-f]{64})\n")

HeadState = Literal["whole", "behind", "ahead", "differs", "missing", "unreadable"]


class HeadFile:
    """The head: one line, written in place, and the lock of the whole log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self, shared: bool = False) -> Iterator[int]:
        """Hold the lock; give the open head. Raise AuditError when others hold it for long."""
        flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
        descriptor = self._lock(flags | os.O_CLOEXEC, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _lock(self, flags: int, operation: int) -> int:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            descriptor = os.open(self.path, flags, 0o600)
            try:
                fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), self.path.stat()):
                    return descriptor
            except (BlockingIOError, FileNotFoundError):
                pass  # held by another, or taken away under us
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise AuditError("the audit log is locked by another process")
            time.sleep(_POLL_SECONDS)


def parse_head(data: bytes) -> Link | None:
    """Return the record that a head's bytes name, None for anything but a head."""
    match = _HEAD.fullmatch(data)
    return None if match is None else Link(int(match[1]), match[2].decode())


def resume(last: Link, data: bytes) -> tuple[Link, HeadState]:
    """Return where the chain goes on, and how the head's bytes stand to the last record that is
    there. A head that names more than is there wins: no number is given twice, and the gap shows.
    """
    named = parse_head(data)
    if named is None:
        return last, "unreadable" if data else "missing"
    if named == last:
        return last, "whole"
    if named.seq < last.seq:
        return last, "behind"
    return named, "differs" if named.seq == last.seq else "ahead"


def read_head(descriptor: int) -> bytes:
    """Return the bytes of an open head."""
    return os.pread(descriptor, 4096, 0)


def write_head(descriptor: int, link: Link) -> None:
    """Make an open head name a record: one write of fixed length."""
    data = f"{link.seq:020d} {link.hash}\n".encode()
    if os.pwrite(descriptor, data, 0) != len(data):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    if os.fstat(descriptor).st_size != len(data):
        os.ftruncate(descriptor, len(data))
