"""Texts of which single labels are judged, beside a corpus whose labels are complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from critech_training.corpus import ARGUABLE, POSITIVE

Strengths = npt.NDArray[np.int8]


@dataclass(frozen=True)
class JudgedTexts:
    """Unit vectors float32 [n_texts, dimension], token ids, and strengths int8 [n_texts, n_labels]:
    2 for a label that applies, 0 for one that does not, 1 for one that nobody judged."""

    vectors: npt.NDArray[np.float32]
    tokens: Sequence[tuple[int, ...]]
    strengths: Strengths

    def of(self, columns: npt.NDArray[np.intp] | Sequence[int]) -> JudgedTexts:
        """Return the same texts with what is judged of some labels."""
        return self.given(self.strengths[:, columns])

    def given(self, strengths: Strengths) -> JudgedTexts:
        """Return the same texts with other strengths, int8 [n_texts, n_labels]."""
        return replace(self, strengths=strengths)

    def any(self) -> bool:
        """Return whether anything is judged of any text."""
        return bool((self.strengths != ARGUABLE).any())


def judged_weights(corpus: Strengths, judged: Strengths, weight: float) -> npt.NDArray[np.float64]:
    """Return what each judged text counts in the fit of each label, a text of the corpus counting
    1: ``weight``, or less where a label has so many that all on one side, right or wrong, would
    count more than the label's positives in the corpus (at least one). Shape as ``judged``."""
    ceiling = np.maximum((corpus == POSITIVE).sum(axis=0), 1)
    out = np.ones(judged.shape)
    for side in (POSITIVE, 0):
        on_side = judged == side
        each = np.minimum(weight, ceiling / np.maximum(on_side.sum(axis=0), 1))
        out = np.where(on_side, each, out)
    return np.where(judged == ARGUABLE, 0.0, out)
