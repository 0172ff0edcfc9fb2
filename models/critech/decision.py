"""From calibrated scores to decisions, keeping sub-items and their category consistent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from critech.results import Decision
from critech_labels.texts import LANGUAGES

FloatArray = npt.NDArray[np.float32]
RANK: dict[Decision, int] = {"not_assigned": 0, "possible": 1, "assigned": 2}


@dataclass(frozen=True)
class Companions:
    """Labels of one taxonomy, ``columns`` int [n]. In a text that is flagged those are ``possible``
    whose score is at least ``share`` of the best one, by language row float32 [2]. A text is
    flagged when a label of the taxonomy reaches a cut-off, unless something else decides. ``whole``
    int [n] are all labels of the taxonomy, of which some may never have been learned."""

    columns: npt.NDArray[np.intp]
    share: FloatArray
    whole: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Thresholds:
    """Cut-offs on the score per language row and label, float32 [2, n_labels]: ``assigned`` at or
    above the first, ``possible`` at or above the second, which is never the higher one, or by
    ``companions``."""

    assigned: FloatArray
    possible: FloatArray
    companions: tuple[Companions, ...] = ()

    def as_dict(self, labels: Sequence[str]) -> dict[str, dict[str, dict[str, float | None]]]:
        """Return the cut-offs of the labels in their order, by language and label, JSON-ready:
        ``beside`` is the companions' share, None where there is none."""
        share = self.companion_share()
        return {
            language: {
                label: {
                    "assigned": round(float(self.assigned[row, i]), 6),
                    "possible": round(float(self.possible[row, i]), 6),
                    "beside": round(float(share[row, i]), 6) or None,
                }
                for i, label in enumerate(labels)
            }
            for row, language in enumerate(LANGUAGES)
        }

    def companion_share(self) -> FloatArray:
        """Return the companions' shares as float32 [2, n_labels], 0 where there are none."""
        share = np.zeros(self.possible.shape, dtype=np.float32)
        for one in self.companions:
            share[:, one.columns] = one.share[:, None]
        return share


def abstain(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the decisions with ``possible`` in the place of ``assigned``: nothing that reached a
    cut-off is lost, and nothing is claimed."""
    return ["possible" if decision == "assigned" else decision for decision in decisions]


def lift_parents(scores: FloatArray, parents: Sequence[int | None]) -> FloatArray:
    """Return scores in which no category is below any of its sub-items.

    ``parents[i]`` is the index of label i's category, or None.
    """
    lifted = scores.copy()
    for child, parent in enumerate(parents):
        if parent is not None and scores[child] > lifted[parent]:
            lifted[parent] = scores[child]
    return lifted


def decide(score: float, assigned: float, possible: float) -> Decision:
    """Return the decision for a score; a score on a threshold reaches it."""
    if score >= assigned:
        return "assigned"
    return "possible" if score >= possible else "not_assigned"


def decide_all(
    scores: FloatArray,
    thresholds: Thresholds,
    row: int,
    parents: Sequence[int | None],
    flags: Sequence[bool | None] = (),
) -> list[Decision]:
    """Return one decision per label. A category is never decided lower than a sub-item of it.

    ``flags``, one for each of the ``companions``, say that a text has some of their labels, or none
    but those assigned; None, or no flags, that their own cut-offs decide.
    """
    decisions = [
        decide(
            float(scores[i]), float(thresholds.assigned[row, i]), float(thresholds.possible[row, i])
        )
        for i in range(len(scores))
    ]
    for one, flag in zip(thresholds.companions, flags or repeat(None), strict=False):
        found = {decisions[i] for i in one.whole}
        flagged = found != {"not_assigned"} if flag is None else flag or "assigned" in found
        least = one.share[row] * scores[one.whole].max()
        for i in one.columns if flagged else one.whole:
            if not flagged:
                decisions[i] = "not_assigned"
            elif decisions[i] == "not_assigned" and scores[i] >= least:
                decisions[i] = "possible"
    for child, parent in enumerate(parents):
        if parent is not None and RANK[decisions[child]] > RANK[decisions[parent]]:
            decisions[parent] = decisions[child]
    return decisions
