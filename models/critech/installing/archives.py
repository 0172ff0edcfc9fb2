"""Reading ``.tar.gz`` and ``.zip``: only plain files are handed on, and nothing is trusted."""

from __future__ import annotations

import gzip
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from critech.installing.intake import MAX_FILES, PIECE, Intake, Limits, refusal, writing
from critech.zip_directory import DirectoryTooLargeError, TooManyEntriesError, open_zip

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
MAX_DIRECTORY = 1 << 16
MAX_MEMBERS = 2 * MAX_FILES  # folders count, too


def unpack(source: Path, folder: Path, limits: Limits) -> None:
    """Write the files of an archive into a folder. May raise anything at a broken one."""
    allowed = limits.allowed(source.stat().st_size)
    with source.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        if head == ZIP:
            _unzip(file, Intake(folder, allowed))
        elif head[:2] == GZIP:
            _untar(file, folder, allowed)
        else:
            raise refusal("is of another kind", ".tar.gz or .zip", "other content")


def _untar(file: BinaryIO, folder: Path, allowed: int) -> None:
    """The stream is written to a nameless file first: the parser then never holds more than it
    asks for, and what it asks for is bounded."""
    with writing():
        plain = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed below
    with plain:
        with gzip.open(file) as stream:
            for piece in Intake(folder, allowed).pieces(cast(BinaryIO, stream)):
                with writing():
                    plain.write(piece)
        with writing():
            plain.seek(0)  # which also flushes
        intake = Intake(folder, allowed)
        with tarfile.open(fileobj=cast(IO[bytes], _Bounded(plain)), mode="r:") as archive:
            for number, member in enumerate(archive, 1):
                if number > MAX_MEMBERS:
                    raise refusal("has too many files", f"{MAX_MEMBERS} with folders", "more")
                if member.isdir():
                    continue
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
                    raise refusal(
                        "holds a link or a device", "plain files", ascii(member.name[:80])
                    )
                data = archive.extractfile(member)
                assert data is not None
                intake.add(member.name, cast(BinaryIO, data))


class _Bounded:
    """A file that never gives more than ``PIECE`` bytes at once: the length of a header is the
    archive's own word, and is read into memory."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Return bytes; BundleError for more than are good."""
        if not 0 <= size <= PIECE:
            raise refusal("has a header of excessive length", f"at most {PIECE} bytes", "more")
        data: bytes = self._file.read(size)
        return data


def _unzip(file: BinaryIO, intake: Intake) -> None:
    try:
        opened = open_zip(file, MAX_DIRECTORY, MAX_MEMBERS)
    except (DirectoryTooLargeError, TooManyEntriesError) as error:
        raise refusal("has too many files", f"at most {MAX_FILES}", str(error)) from None
    with opened as archive:
        for entry in archive.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if entry.is_dir() and kind in (0, stat.S_IFDIR):
                continue
            if kind not in (0, stat.S_IFREG):
                raise refusal("holds a link or a device", "plain files", ascii(entry.filename[:80]))
            if entry.flag_bits & 1:
                raise refusal("is encrypted", "plain files", ascii(entry.filename[:80]))
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise refusal("is compressed in an unusual way", "deflate", entry.compress_type)
            with archive.open(entry) as data:
                intake.add(entry.orig_filename, cast(BinaryIO, data))
