"""The directory of a zip archive, held against the limits before a list is made of it."""

from __future__ import annotations

import struct
import zipfile
from typing import BinaryIO

from critech.batch.reading.limits import Limits
from critech.batch.reading.streams import StreamError, faults_named

_ENTRY = b"PK\x01\x02"
_ENTRY_BYTES = 46
_LENGTHS = struct.Struct("<3H")  # of name, extra fields and comment, which follow the entry
_LENGTHS_AT = 28


def open_zip(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    """Return the archive. Raises StreamError for what is none, and for a directory of too many
    entries or bytes."""
    guarded = _Guarded(file, limits)
    archive = faults_named(lambda: zipfile.ZipFile(guarded))
    guarded.limits = None
    return archive


class _Guarded:
    """An archive's bytes as zipfile reads them. It reads the directory in one piece, wherever the
    end record, of Zip64, too, says that it is, and makes about a kilobyte of each entry. The number
    in the end record is not looked at by zipfile and may be wrong, so entries are counted."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file = file
        self.limits: Limits | None = limits
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        limits = self.limits
        if limits is None:
            return self._file.read(size)
        if size > limits.directory_bytes:
            most = f"{limits.directory_bytes} bytes"
            raise StreamError("too_large", f"source: the archive's directory is larger than {most}")
        data = self._file.read(size)
        if _more_entries_than(limits.archive_members, data):
            most = f"{limits.archive_members} members"
            raise StreamError("too_many_members", f"source: more than {most} in the archive")
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
