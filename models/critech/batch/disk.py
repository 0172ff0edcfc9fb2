"""How a run changes the disk: every call is durable when it returns, and none leaves half a file
under a final name. The small methods are the steps that a crash can fall between."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from critech.batch.errors import LockedError, StorageError
from critech.syncing import sync_folder

PART = ".part"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileFacts:
    """What a file is known again by: SHA-256 in hex, and bytes."""

    digest: str
    length: int


class Disk:
    """The disk as it is."""

    @contextmanager
    def create(self, path: Path, staging: Path | None = None) -> Iterator[BinaryIO]:
        """Hand out a file for the block, which appears under ``path`` when it is whole and synced,
        in the place of one that may be there. ``staging`` is its name until then, on the same
        file system, by default beside it. Raise StorageError."""
        part = staging or path.with_name(path.name + PART)
        with _told(path):
            with self.open(part, "wb") as file:
                yield file
                self.sync(file)
            self.rename(part, path)
            self.sync_folder(path.parent)

    def append(self, path: Path, data: bytes) -> None:
        """Append bytes to a file that is there and sync it. Raise StorageError."""
        with _told(path), self.open(path, "ab") as file:
            file.write(data)
            self.sync(file)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there. Raise StorageError."""
        with _told(path):
            self.unlink(path)

    def make_folder(self, path: Path) -> None:
        """Make a folder, if it is not there. Raise StorageError."""
        with _told(path):
            if not path.is_dir():
                path.mkdir()
                self.sync_folder(path.parent)

    def open(self, path: Path, mode: str) -> BinaryIO:
        """Open a file for writing or appending."""
        return path.open(mode)  # type: ignore[return-value]

    def sync(self, file: BinaryIO) -> None:
        """Bring a file's content to the disk."""
        file.flush()
        os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name."""
        source.replace(target)

    def sync_folder(self, folder: Path) -> None:
        """Bring the names in a folder to the disk."""
        sync_folder(folder)

    def unlink(self, path: Path) -> None:
        """Take a file's name away."""
        path.unlink(missing_ok=True)


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file in hex, None when it is not there. Raise StorageError."""
    facts = file_facts(path)
    return None if facts is None else facts.digest


def file_facts(path: Path) -> FileFacts | None:
    """Return what a file is known again by, None when it is not there. Raise StorageError."""
    digest, length = hashlib.sha256(), 0
    try:
        with _told(path), path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                length += len(block)
    except StorageError:
        if not path.exists():
            return None
        raise
    return FileFacts(digest.hexdigest(), length)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file for the block; it is free again when the process is gone, however it
    ends. Raise LockedError when another process holds it."""
    with _told(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LockedError(path) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(path, error.strerror or type(error).__name__) from None
