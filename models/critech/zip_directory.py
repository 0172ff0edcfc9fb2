"""The directory of a zip archive, held against limits before a list is made of it."""

from __future__ import annotations

import struct
import zipfile
from typing import BinaryIO

_ENTRY = b"PK\x01\x02"
_ENTRY_BYTES = 46
_LENGTHS = struct.Struct("<3H")  # of name, extra fields and comment, which follow the entry
_LENGTHS_AT = 28


class DirectoryTooLargeError(ValueError):
    """The directory has more bytes than the limit."""


class TooManyEntriesError(ValueError):
    """The directory has more entries than the limit."""


def open_zip(file: BinaryIO, max_bytes: int, max_entries: int) -> zipfile.ZipFile:
    """Return the archive. Raises the errors above for a directory over a limit, and what zipfile
    raises for what is no archive."""
    guarded = _Guarded(file, max_bytes, max_entries)
    archive = zipfile.ZipFile(guarded)
    guarded.is_open = True
    return archive


class _Guarded:
    """An archive's bytes as zipfile reads them. It reads the directory in one piece, wherever the
    end record, of Zip64, too, says that it is, and makes about a kilobyte of each entry. The number
    in the end record is not looked at by zipfile and may be wrong, so entries are counted."""

    def __init__(self, file: BinaryIO, max_bytes: int, max_entries: int) -> None:
        self._file = file
        self._max_bytes, self._max_entries = max_bytes, max_entries
        self.is_open = False
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        if self.is_open:
            return self._file.read(size)
        if size > self._max_bytes:
            raise DirectoryTooLargeError(f"a directory of more than {self._max_bytes} bytes")
        data = self._file.read(size)
        if _more_entries_than(self._max_entries, data):
            raise TooManyEntriesError(f"more than {self._max_entries} entries")
        return data

    def close(self) -> None:
        self._file.close()


def _more_entries_than(most: int, directory: bytes) -> bool:
    at = count = 0
    while count <= most and directory.startswith(_ENTRY, at):
        count += 1
        if at + _ENTRY_BYTES > len(directory):
            break
        at += _ENTRY_BYTES + sum(_LENGTHS.unpack_from(directory, at + _LENGTHS_AT))
    return count > most
