"""Opening a zip archive within the limits on its directory."""

from __future__ import annotations

import zipfile
from typing import BinaryIO

from critech import zip_directory
from critech.batch.reading.limits import Limits
from critech.batch.reading.streams import StreamError, faults_named


def open_zip(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    """Return the archive. Raises StreamError for what is none, and for a directory of too many
    entries or bytes."""
    return faults_named(lambda: _opened(file, limits))


def _opened(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    try:
        return zip_directory.open_zip(file, limits.directory_bytes, limits.archive_members)
    except zip_directory.DirectoryTooLargeError:
        most = f"{limits.directory_bytes} bytes"
        message = f"source: the archive's directory is larger than {most}"
        raise StreamError("too_large", message) from None
    except zip_directory.TooManyEntriesError:
        most = f"{limits.archive_members} members"
        message = f"source: more than {most} in the archive"
        raise StreamError("too_many_members", message) from None
