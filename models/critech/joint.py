"""Lists whose texts are flagged by all of their labels together, not by the single scores.

A head for "in any of them" is joined with the scores of the labels (docs/decisions/0023); from a
cut-off on that joint probability a text has some label ``possible`` (docs/decisions/0026).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.bundle import Bundle
from critech.heads import FloatArray, Heads
from critech.lexical import WordFeatures
from critech.screening.any_field import AnyField
from critech.screening.model import log_odds
from critech_labels.texts import LANGUAGES


@dataclass(frozen=True)
class JointList:
    """A list of a bundle, ``taxonomy``: its head, over the bundle's features, the positions of its
    labels int [n] and by language row the log-odds [2] from which a text is flagged."""

    taxonomy: str
    any_field: AnyField
    head: Heads
    columns: npt.NDArray[np.intp]
    flags: tuple[float, ...]

    def excess(self, scores: FloatArray, margin: float, row: int) -> float:
        """Return by how much, in log-odds, a text is above where it is flagged: from the scores of
        all labels float32 [n_labels] and the head's margin."""
        return self.any_field.log_odds(scores[self.columns], margin) - self.flags[row]

    def is_flagged(
        self,
        scores: FloatArray,
        vector: FloatArray,
        token_ids: Sequence[int],
        words: WordFeatures,
        row: int,
    ) -> bool:
        """Return whether a text is flagged."""
        margin = float(self.head.margins(vector, token_ids, words)[0])
        return self.excess(scores, margin, row) >= 0.0


def joint_lists(bundle: Bundle) -> list[JointList | None]:
    """Return for each of the companions of a bundle its list, None where single scores decide."""
    return [_joint(bundle, one.whole) for one in bundle.thresholds.companions]


def _joint(bundle: Bundle, columns: npt.NDArray[np.intp]) -> JointList | None:
    name = bundle.labels[columns[0]].partition(":")[0]
    found = bundle.joint.get(name)
    if found is None or found.flags is None:
        return None
    return JointList(
        taxonomy=name,
        any_field=found,
        head=found.head(bundle.heads),
        columns=columns,
        flags=tuple(log_odds(found.flags[language]) for language in LANGUAGES),
    )
