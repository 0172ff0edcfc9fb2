"""Decisions of a bundle on texts that are embedded already, as it would make them when served."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from critech.bundle import Bundle
from critech.encoder import Embedding
from critech.scorer import Scorer
from critech.text import Language
from critech_training.embedding import FloatArray
from critech_training.evaluate import decided_slice
from critech_training.metrics import Slice


def score_vectors(
    bundle: Bundle,
    vectors: FloatArray,
    tokens: Sequence[tuple[int, ...]],
    languages: Sequence[Language],
    strengths: npt.NDArray[np.int8],
    *,
    groups: Sequence[str],
) -> Slice:
    """Return scores and decisions of all labels for texts whose vectors and tokens come from the
    bundle's own encoder; at least one text. Those of one name in ``groups`` are one sample."""
    scorer = Scorer(bundle)
    scored = [
        scorer.score_embedding(Embedding(vector, ids, len(ids)), language, language)
        for vector, ids, language in zip(vectors, tokens, languages, strict=True)
    ]
    scores = np.stack([one.scores for one in scored])
    return decided_slice(scores, strengths, [one.decisions for one in scored], groups)
