"""Vectors of a corpus kept in a folder, since embedding it takes minutes.

A file holds unit vectors alone: no text, no id, no token ids, since these spell the text. Its name
is a digest of encoder and corpus together, so another encoder, text or label is another file.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from critech.bundle import Bundle
from critech.encoder import OnnxEncoder
from critech.errors import InputError
from critech.text import compose_document
from critech_training.corpus import Record, digest
from critech_training.embedding import FloatArray, TokenRows, embed_records

FORMAT = 1


def cache_file(folder: Path, encoder_key: str, records: Sequence[Record]) -> Path:
    """Return the file that holds the vectors of these records, in their order."""
    key = f"{FORMAT}\n{encoder_key}\n{digest(records)}"
    return folder / f"vectors-{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"


def encoder_digest(bundle: Bundle) -> str:
    """Return a digest of all that a bundle's vectors depend on beside the text."""
    whole = hashlib.sha256(bundle.encoder_bytes)
    whole.update(bundle.tokenizer_bytes)
    whole.update(repr(sorted(bundle.encoder_config.as_dict().items())).encode())
    return whole.hexdigest()


def embed_cached(
    encoder: OnnxEncoder,
    encoder_key: str,
    records: Sequence[Record],
    folder: Path | None,
    threads: int,
) -> tuple[FloatArray, TokenRows]:
    """Return what ``embed_records`` returns, vectors out of a folder where they are there.

    A file that is damaged is made anew. Raise InputError when the folder cannot be written to.
    """
    if folder is None:
        return embed_records(encoder, records, threads)
    path = cache_file(folder, encoder_key, records)
    vectors = _read(path, (len(records), encoder.config.dimension))
    if vectors is not None:
        return vectors, _tokens(encoder, records, threads)
    vectors, tokens = embed_records(encoder, records, threads)
    _write(path, vectors)
    return vectors, tokens


def _tokens(encoder: OnnxEncoder, records: Sequence[Record], threads: int) -> TokenRows:
    def one(record: Record) -> tuple[int, ...]:
        return tuple(encoder.seen(encoder.token_ids(compose_document(record.title, record.text))))

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, records))


def _read(path: Path, shape: tuple[int, int]) -> FloatArray | None:
    """Return the vectors of a file, None when it is not there or not what was written."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if found.shape != shape or found.dtype != np.float32:
        return None
    # the mean of unit vectors over chunks is scaled to unit length again, in float32
    lengths = np.linalg.norm(found, axis=1)
    return found if np.all(np.abs(lengths - 1.0) < 1e-3) else None


def _write(path: Path, vectors: FloatArray) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".vectors-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                np.save(file, vectors)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError("--cache", f"cannot be written: {error.strerror}") from None
