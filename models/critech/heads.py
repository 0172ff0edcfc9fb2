"""Heads: one linear model per label over dense and lexical features, then calibration.

All sums run through ``einsum``, whose order does not depend on the number of threads or on other
documents, so a score is the same bits wherever it is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.lexical import LexicalVocabulary, WordFeatures

FloatArray = npt.NDArray[np.float32]
LANGUAGE_ROW = {"en": 0, "ja": 1, "und": 0}


@dataclass(frozen=True)
class Heads:
    """Linear heads. ``center`` [hidden] is taken off the unit vector, which is then scaled;
    ``dense`` [n_labels, hidden], ``lexical`` [n_features, n_labels], ``intercept`` [n_labels]."""

    center: FloatArray
    scale: float
    dense: FloatArray
    lexical: FloatArray
    intercept: FloatArray
    vocabulary: LexicalVocabulary

    def margins(
        self, vector: FloatArray, token_ids: Sequence[int], words: WordFeatures | None = None
    ) -> FloatArray:
        """Return raw margins float32 [n_labels]; they never leave the core. ``words`` are the
        tokens' features where ``vocabulary.transform`` has given them already."""
        features = (vector - self.center) * np.float32(self.scale)
        dense = np.einsum("ij,j->i", self.dense, features) + self.intercept
        return np.asarray(dense + self._lexical_margins(token_ids, words), dtype=np.float32)

    def word_margins(
        self, token_ids: Sequence[int], words: WordFeatures | None = None
    ) -> FloatArray:
        """Return the raw margins of a dense part of zero, float32 [n_labels]."""
        found = self.intercept + self._lexical_margins(token_ids, words)
        return np.asarray(found, dtype=np.float32)

    def _lexical_margins(self, token_ids: Sequence[int], words: WordFeatures | None) -> FloatArray:
        index, weights = self.vocabulary.transform(token_ids) if words is None else words
        found: FloatArray = np.einsum("i,ij->j", weights, self.lexical[index])
        return found


@dataclass(frozen=True)
class Calibration:
    """Platt scaling per language (row 0 English, row 1 Japanese) and label: slope and offset
    [2, n_labels]; ``fitted`` [2, n_labels] is False where the taxonomy's common fit stands in."""

    slope: FloatArray
    offset: FloatArray
    fitted: npt.NDArray[np.bool_]

    def logits(self, margins: FloatArray, language: str) -> FloatArray:
        """Return calibrated log-odds float32 [n_labels]."""
        row = LANGUAGE_ROW[language]
        return np.asarray(self.slope[row] * margins + self.offset[row], dtype=np.float32)

    def scores(self, margins: FloatArray, language: str) -> FloatArray:
        """Return calibrated probabilities float32 [n_labels] in 0..1."""
        return sigmoid(self.logits(margins, language))


def sigmoid(logits: FloatArray) -> FloatArray:
    """Return the logistic function, without overflow at either end."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)
