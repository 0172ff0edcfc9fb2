"""The first tier: what a text's words alone make likely, without the encoder.

The margins of a bundle's heads are a sum: a part over the dense vector, and one over the text's
tokens and pairs of tokens. The second costs about a fiftieth of the encoder's work. By itself it
gives no score; how far it can be trusted is for a certificate to say (``certificate.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.bundle import Bundle
from critech.heads import LANGUAGE_ROW, FloatArray, sigmoid
from critech.lexical import COVERAGE_TOKENS
from critech.scorer import Scorer, is_out_of_distribution
from critech.screening.model import log_odds
from critech.text import Language, detect_language


@dataclass(frozen=True)
class Reading:
    """What the words of one text say. ``excess`` float32 [n_taxonomies]: by how much, in log-odds,
    a text is above where it has some label ``possible`` of each taxonomy, with the dense part of
    the margins taken as zero; below 0 where it has none. It is that of the best label, or where all
    labels of a taxonomy decide together, theirs, or that of a label that is ``assigned``."""

    language: Language
    tokens: int
    excess: FloatArray


class Words:
    """Read texts by their words with one bundle. Threads may share an instance."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._columns = label_columns(scorer.bundle)
        thresholds = scorer.bundle.thresholds
        self._possible, self._assigned = (
            np.array([[log_odds(float(one)) for one in row] for row in cutoffs], dtype=np.float32)
            for cutoffs in (thresholds.possible, thresholds.assigned)
        )
        together = {int(one.columns[0]): one for one in scorer.joint if one is not None}
        self._together = [together.get(int(own[0])) for own in self._columns]

    def read(self, text: str, language: Language | None = None) -> Reading | None:
        """Return what the words of a cleaned text say, None where they are never to decide.

        That is a text in another script than English or Japanese, one declared to be in another
        language than its script says, one cut short, one too short to tell whether it is like the
        corpus, and one that is unlike it."""
        script = detect_language(text)
        if script == "und" or (language is not None and language != script):
            return None
        ids = self._scorer.encoder.token_ids(text)
        whole = COVERAGE_TOKENS <= len(ids) == len(self._scorer.encoder.seen(ids))
        if not whole or self._is_far(ids, script):
            return None
        return Reading(script, len(ids), self.excess(ids, script))

    def excess(self, token_ids: Sequence[int], language: Language) -> FloatArray:
        """Return ``Reading.excess``, the same bits wherever it is computed."""
        bundle, row = self._scorer.bundle, LANGUAGE_ROW[language]
        words = bundle.heads.vocabulary.transform(token_ids)
        margins = bundle.heads.word_margins(token_ids, words)
        logits = bundle.calibration.logits(margins, language)
        above, sure = logits - self._possible[row], logits - self._assigned[row]
        scores = sigmoid(logits)
        found = []
        for own, together in zip(self._columns, self._together, strict=True):
            if together is None:
                found.append(above[own].max())
            else:
                margin = float(together.head.word_margins(token_ids, words)[0])
                found.append(max(together.excess(scores, margin, row), float(sure[own].max())))
        return np.array(found, dtype=np.float32)

    def _is_far(self, token_ids: Sequence[int], script: Language) -> bool:
        bundle = self._scorer.bundle
        coverage = bundle.heads.vocabulary.coverage(token_ids)
        floor = float(bundle.coverage_floor[LANGUAGE_ROW[script]])
        return is_out_of_distribution(len(token_ids), coverage, floor)


def label_columns(bundle: Bundle) -> list[npt.NDArray[np.int64]]:
    """Return the positions of each taxonomy's labels, sub-items too, in the order of taxonomies."""
    return [
        np.array([i for i, label in enumerate(bundle.labels) if label.startswith(f"{one.id}:")])
        for one in bundle.taxonomies
    ]
