"""What the student says of one text, against the cut-offs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.cascade.cutoffs import TierCutoff
from critech.cascade.loading import Tiers
from critech.decision import Thresholds, lift_parents
from critech.encoder import OnnxEncoder
from critech.heads import LANGUAGE_ROW
from critech.lexical import COVERAGE_TOKENS
from critech.scorer import Scorer
from critech.text import Language, detect_language
from critech_labels.taxonomy import parent_positions

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Judged:
    """A text that the student decided. ``logits`` float32 [n_labels] are its estimates of the
    full model's log-odds; ``listed`` holds, by taxonomy, the positions of the labels that may be
    there, none where the text surely has nothing of it."""

    language: Language
    tokens_seen: int
    tokens_total: int
    logits: FloatArray
    listed: Mapping[str, tuple[int, ...]]


class Judge:
    """Decide texts with a student where its certificates allow. Threads may share an instance."""

    def __init__(self, scorer: Scorer, tiers: Tiers, taxonomies: Sequence[str]) -> None:
        self.tiers = tiers
        self._scorer = scorer
        self._encoder: OnnxEncoder = scorer.encoder
        self._parents = parent_positions(scorer.bundle.taxonomies)
        self._thresholds = threshold_logits(scorer.bundle.thresholds)
        self._cutoffs = [one for one in tiers.model.cutoffs if one.taxonomy in taxonomies]
        labels = scorer.bundle.labels
        self._positions = {
            one.taxonomy: np.array(
                [i for i, label in enumerate(labels) if label.startswith(one.taxonomy + ":")]
            )
            for one in self._cutoffs
        }

    def judge(self, text: str, language: Language | None = None) -> Judged | None:
        """Return what the student decides of a cleaned text, None where the full model has to.

        A text in another script than English or Japanese, one declared to be in another language
        than its script says, one cut short and one unlike the corpus are never the student's."""
        script = detect_language(text)
        if script == "und" or (language is not None and language != script):
            return None
        ids = self._encoder.token_ids(text)
        seen = self._encoder.seen(ids)
        if len(seen) < len(ids) or self._unlike_corpus(seen, script):
            return None
        logits = self.tiers.student.logits(seen)
        margins = lift_parents(logits - self._thresholds[LANGUAGE_ROW[script]], self._parents)
        listed = {}
        for one in self._cutoffs:
            positions = decided(margins, self._positions[one.taxonomy], one)
            if positions is None:
                return None
            listed[one.taxonomy] = positions
        return Judged(script, len(seen), len(ids), logits, listed)

    def _unlike_corpus(self, ids: Sequence[int], script: Language) -> bool:
        bundle = self._scorer.bundle
        floor = float(bundle.coverage_floor[LANGUAGE_ROW[script]])
        return (
            floor > 0.0
            and len(ids) >= COVERAGE_TOKENS
            and bundle.heads.vocabulary.coverage(ids) < floor
        )


def decided(
    margins: FloatArray, positions: npt.NDArray[np.int64], cutoff: TierCutoff
) -> tuple[int, ...] | None:
    """Return the positions of the labels listed when the student may decide a taxonomy, none of
    them when there is nothing, or None when the full model has to decide."""
    own = margins[positions]
    listed = positions[own >= cutoff.listed]
    if not len(listed):
        return ()
    if cutoff.certain is not None and own.max() >= cutoff.certain:
        return tuple(int(i) for i in listed)
    return None


def threshold_logits(thresholds: Thresholds) -> FloatArray:
    """Return the thresholds of ``possible`` as log-odds, float32 [2, n_labels]."""
    held = np.clip(thresholds.possible.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(held / (1 - held)), dtype=np.float32)
