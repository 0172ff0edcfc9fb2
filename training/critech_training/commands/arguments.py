"""What the commands read from their arguments alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from critech.errors import InputError, disk_errors
from critech_training.corpus import CorpusError, Record, load_corpus

_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,64}", re.ASCII)


def corpus_records(folder: Path, order: Sequence[str]) -> list[Record]:
    """Return the records of ``--corpus``. Raise InputError that names the file, line and field."""
    try:
        with disk_errors("--corpus", "cannot be read"):
            return load_corpus(folder, order)
    except CorpusError as error:
        raise InputError("--corpus", str(error)) from None


def check_version(version: str | None) -> None:
    """Raise InputError for a ``--version`` that no bundle can have."""
    if version is not None and not _VERSION.fullmatch(version):
        raise InputError("--version", "must be 1 to 64 letters, digits, dots, + and -")
