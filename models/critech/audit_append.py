"""One file open for appending, and when what was appended reaches the disk."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal

from critech.syncing import sync_folder

Fsync = Literal["always", "batch", "off"]
BATCH_SECONDS = 1.0


class Appender:
    """A file to append to. ``always`` syncs before ``append`` returns, ``batch`` within
    ``BATCH_SECONDS`` after it, ``off`` leaves it to the system. Every method may raise OSError."""

    def __init__(self, fsync: Fsync) -> None:
        self.fsync = fsync
        self._lock = threading.Lock()
        self._file = -1
        self._stat: os.stat_result | None = None
        self._timer: threading.Timer | None = None
        self._error: OSError | None = None

    @property
    def size(self) -> int:
        """Length of the file in bytes, 0 when none is open."""
        return 0 if self._stat is None else self._stat.st_size

    def open(self, path: Path) -> None:
        """Open a file that is there."""
        self.close()
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._stat = os.fstat(self._file)

    def is_current(self, path: Path) -> bool:
        """Return whether a path still is the open file, at the length this one left it."""
        if self._stat is None:
            return False
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(found, self._stat) and found.st_size == self._stat.st_size

    def append(self, data: bytes) -> None:
        """Append bytes, all or, as far as the system lets it, none."""
        with self._lock:
            if self._error is not None:  # of a sync that nobody waited for
                error, self._error = self._error, None
                raise error
            before = os.fstat(self._file).st_size
            try:
                write_all(self._file, data)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._file, before)
                raise
            if self.fsync == "always":
                os.fsync(self._file)
            elif self.fsync == "batch" and self._timer is None:
                self._timer = threading.Timer(BATCH_SECONDS, self._sync_later)
                self._timer.daemon = True
                self._timer.start()
            self._stat = os.fstat(self._file)

    def sync(self, descriptor: int | None = None) -> None:
        """Sync the open file, or another descriptor, now; not with ``off``."""
        target = self._file if descriptor is None else descriptor
        if self.fsync != "off" and target >= 0:
            os.fsync(target)

    def sync_folder(self, folder: Path) -> None:
        """Sync the names in a folder; not with ``off``."""
        if self.fsync != "off":
            sync_folder(folder)

    def close(self) -> None:
        """Close the file, after a sync that is due."""
        with self._lock:
            descriptor, self._file, self._stat = self._file, -1, None
            due, self._timer = self._timer, None
            if descriptor < 0:
                return
            try:
                if due is not None:
                    due.cancel()
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _sync_later(self) -> None:
        with self._lock:
            self._timer = None
            try:
                self.sync()
            except OSError as error:
                self._error = error


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes to a descriptor, in as many writes as it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
