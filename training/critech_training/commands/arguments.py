"""What the commands read from their arguments alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from critech.errors import InputError, disk_errors
from critech_training.corpus import CorpusError, Record, load_corpus


def corpus_records(folder: Path, order: Sequence[str]) -> list[Record]:
    """Return the records of ``--corpus``. Raise InputError that names the file, line and field."""
    try:
        with disk_errors("--corpus", "cannot be read"):
            return load_corpus(folder, order)
    except CorpusError as error:
        raise InputError("--corpus", str(error)) from None
