"""Files from a folder or an archive of strangers, one by one into an empty folder.

A bundle is a few plain files, so everything else that an archive can hold is refused: paths that
lead anywhere, links, devices, a name that comes twice, more files or bytes than a bundle has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from critech.bundle.pointer import is_folder_name
from critech.errors import BundleError, disk_errors

MAX_FILES = 64
PIECE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """``total`` is the most bytes that all files may have together. An archive may not grow by
    more than ``ratio``, where it grows beyond ``free`` bytes at all."""

    total: int = 4_000_000_000
    ratio: int = 100
    free: int = 16_000_000

    def allowed(self, packed: int) -> int:
        """Return how many bytes an archive of a size may hold."""
        return min(self.total, max(self.free, self.ratio * packed))


class Intake:
    """Writes files into a folder and counts them. InputError where it cannot write."""

    def __init__(self, folder: Path, allowed: int) -> None:
        self.folder = folder
        self.allowed = allowed
        self._left = allowed
        self._names: set[str] = set()
        self._above: set[str] = set()

    def add(self, path: str, data: BinaryIO) -> None:
        """Take one file under the last part of its path in. BundleError when the path is not
        that of a bundle's file, or it is too much."""
        name = self._name(path)
        self._names.add(name)
        if len(self._names) > MAX_FILES:
            raise refusal("has too many files", f"at most {MAX_FILES}", "more")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with writing():
            file = os.fdopen(os.open(self.folder / name, flags, 0o644), "wb")
        try:
            for piece in self.pieces(data):
                with writing():
                    file.write(piece)
        finally:
            with writing():
                file.close()

    def pieces(self, data: BinaryIO) -> Iterator[bytes]:
        """Yield data as long as it is not too much."""
        while piece := data.read(PIECE):
            self._left -= len(piece)
            if self._left < 0:
                raise refusal("is too large when unpacked", f"at most {self.allowed} bytes", "more")
            yield piece

    def _name(self, path: str) -> str:
        parts = [part for part in path.split("/") if part != "."]
        if not 1 <= len(parts) <= 2 or not all(map(is_folder_name, parts)):
            shown = ascii(path[:80])
            raise refusal("holds what is no file of a bundle", "NAME or FOLDER/NAME", shown)
        self._above.add("/".join(parts[:-1]))
        if len(self._above) > 1:
            raise refusal("holds several folders", "one folder of files", "more")
        if parts[-1] in self._names:
            raise refusal("holds a name twice", "each name once", parts[-1])
        return parts[-1]


def writing() -> AbstractContextManager[None]:
    """Make an error of the disk one that is not taken for the archive's."""
    return disk_errors("bundles directory", "cannot be written")


def refusal(problem: str, expected: object, found: object) -> BundleError:
    """Return the error that an archive cannot be taken in."""
    return BundleError("archive", problem, expected, found)
