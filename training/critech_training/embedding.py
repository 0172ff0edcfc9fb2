"""Texts to the features that heads are fitted on, through the encoder as it is served."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.encoder import OnnxEncoder
from critech.text import compose_document
from critech_training.corpus import Record

FloatArray = npt.NDArray[np.float32]
TokenRows = list[tuple[int, ...]]


@dataclass(frozen=True)
class Part:
    """Records and what the served encoder gives for them: unit vectors float32 [n_texts, dimension]
    and token ids."""

    records: Sequence[Record]
    vectors: FloatArray
    tokens: TokenRows

    def take(self, rows: npt.NDArray[np.intp]) -> Part:
        """Return the texts of some rows, in their order."""
        return Part(
            [self.records[i] for i in rows], self.vectors[rows], [self.tokens[i] for i in rows]
        )


def embed_records(
    encoder: OnnxEncoder, records: Sequence[Record], threads: int
) -> tuple[FloatArray, TokenRows]:
    """Return unit vectors float32 [n_texts, dimension] and token ids, in the order given."""
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(encoder.embed, (compose_document(r.title, r.text) for r in records)))
    return np.stack([one.vector for one in found]), [one.token_ids for one in found]
