"""Lexical features: TF-IDF over single tokens and pairs of neighbouring tokens.

The tokens are those of the encoder, so English and Japanese need no separate analyser and a text
is segmented once. A feature key is ``token * 2**32`` for a single token and
``first * 2**32 + second + 1`` for a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHIFT = np.uint64(32)
COVERAGE_TOKENS = 20


WordFeatures = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class LexicalVocabulary:
    """Known features: ``keys`` uint64 [n_features] ascending, ``idf`` float32 [n_features]."""

    keys: npt.NDArray[np.uint64]
    idf: npt.NDArray[np.float32]

    def transform(self, token_ids: Sequence[int]) -> WordFeatures:
        """Return feature indices (ascending) and weights of unit length; both empty when no
        feature is known."""
        return self.read(token_ids)[0]

    def coverage(self, token_ids: Sequence[int]) -> float:
        """Return the share in 0..1 of a text's tokens and pairs, every occurrence counted, that
        are known features; 1 for no tokens. Text unlike the training texts has a low one; fewer
        than ``COVERAGE_TOKENS`` tokens are too few to tell."""
        return self.read(token_ids)[1]

    def read(self, token_ids: Sequence[int]) -> tuple[WordFeatures, float]:
        """Return what ``transform`` and ``coverage`` return, by looking a text up once."""
        index, counts, total = self._known(token_ids)
        weights = (1.0 + np.log(counts)).astype(np.float32) * self.idf[index]
        norm = np.sqrt(np.sum(weights * weights, dtype=np.float32))
        covered = float(counts.sum() / total) if total else 1.0
        return (index, weights / norm if norm > 0 else weights), covered

    def _known(
        self, token_ids: Sequence[int]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """Return the indices (ascending) and counts of a text's known features, and how often any
        feature occurs in it."""
        keys, counts = count_features(token_ids)
        if not len(keys) or not len(self.keys):
            return np.empty(0, np.int64), np.empty(0, np.int64), int(counts.sum())
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known = self.keys[at] == keys
        return at[known].astype(np.int64), counts[known], int(counts.sum())


def count_features(
    token_ids: Sequence[int],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Return the feature keys of a text, ascending, and how often each occurs."""
    ids = np.asarray(token_ids, dtype=np.uint64)
    single = ids << SHIFT
    pairs = (ids[:-1] << SHIFT) + ids[1:] + np.uint64(1)
    keys, counts = np.unique(np.concatenate([single, pairs]), return_counts=True)
    return keys, counts
