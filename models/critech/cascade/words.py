"""The tiers before the full model: what a text's words alone make likely, and its student.

The margins of a bundle's heads are a sum: a part over the dense vector, and one over the text's
tokens and pairs of tokens. The second costs about a fiftieth of the encoder's work. Where a bundle
has a student (``student.py``), it estimates the vector of a text that words do not decide. Neither
gives a score; how far they can be trusted is for a certificate to say (``certificate.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.bundle import Bundle
from critech.bundle.manifest import STUDENT as STUDENT_FILE
from critech.cascade.student import Student
from critech.heads import LANGUAGE_ROW, FloatArray, Heads, sigmoid
from critech.lexical import COVERAGE_TOKENS, WordFeatures
from critech.scorer import Scorer, is_out_of_distribution
from critech.screening.model import log_odds
from critech.text import Language, detect_language

WORDS = "words"
STUDENT = "student"


@dataclass(frozen=True)
class Reading:
    """What the tiers say of one text. ``excess`` float32 [n_taxonomies]: by how much, in log-odds,
    a text is above where it has some label ``possible`` of each taxonomy, with the dense part of
    the margins taken as zero; below 0 where it has none. It is that of the best label, or where all
    labels of a taxonomy decide together, theirs, or that of a label that is ``assigned``. In a
    bundle with a student its slack is added, and where the student was asked (``tier``
    ``student``), an excess is at most that with the dense part as the student estimates it."""

    language: Language
    tokens: int
    excess: FloatArray
    tier: str = WORDS


class Words:
    """Read texts with the tiers of one bundle. Threads may share an instance.

    Raise BundleError when the bundle's student is not what its manifest lists, or cannot be
    run."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        has_student = STUDENT_FILE in scorer.bundle.manifest["files"]
        self.student = Student(scorer.bundle, scorer.encoder) if has_student else None
        self._columns = label_columns(scorer.bundle)
        thresholds = scorer.bundle.thresholds
        self._possible, self._assigned = (
            np.array([[log_odds(float(one)) for one in row] for row in cutoffs], dtype=np.float32)
            for cutoffs in (thresholds.possible, thresholds.assigned)
        )
        together = {int(one.columns[0]): one for one in scorer.joint if one is not None}
        self._together = [together.get(int(own[0])) for own in self._columns]

    def read(
        self,
        text: str,
        language: Language | None = None,
        cutoffs: FloatArray | None = None,
    ) -> Reading | None:
        """Return what the tiers say of a cleaned text, None where they are never to decide.

        That is a text in another script than English or Japanese, one declared to be in another
        language than its script says, one cut short, one too short to tell whether it is like the
        corpus, and one that is unlike it. With ``cutoffs`` [n_taxonomies] the student is not asked
        about a text whose words stay below all of them, and the excess of a taxonomy with an
        infinite one, which nothing reaches, is minus infinity."""
        script = detect_language(text)
        if script == "und" or (language is not None and language != script):
            return None
        ids, bundle = self._scorer.encoder.token_ids(text), self._scorer.bundle
        if not COVERAGE_TOKENS <= len(ids) == len(self._scorer.encoder.seen(ids)):
            return None
        words, coverage = bundle.heads.vocabulary.read(ids)
        floor = float(bundle.coverage_floor[LANGUAGE_ROW[script]])
        if is_out_of_distribution(len(ids), coverage, floor):
            return None
        asked = np.ones(len(self._columns), bool) if cutoffs is None else cutoffs < np.inf
        excess = self.excess(ids, script, words=words, asked=asked)
        if self.student is None:
            return Reading(script, len(ids), excess)
        excess += self.student.slack
        if cutoffs is not None and not (excess >= cutoffs).any():
            return Reading(script, len(ids), excess)
        estimated = self.excess(ids, script, self.student.vector(ids), words, asked)
        # not so of a table damaged on purpose
        is_sound = bool(np.isfinite(estimated[asked]).all())
        least = np.minimum(excess, estimated)
        return Reading(script, len(ids), least, STUDENT) if is_sound else None

    def excess(
        self,
        token_ids: Sequence[int],
        language: Language,
        vector: FloatArray | None = None,
        words: WordFeatures | None = None,
        asked: npt.NDArray[np.bool_] | None = None,
    ) -> FloatArray:
        """Return by how much a text is above, float32 [n_taxonomies], with a dense part of zero or
        that of a vector float32 [dimension]; the same bits wherever it is computed. ``words`` are
        the tokens' features where they are known already; ``asked`` [n_taxonomies] is False where
        minus infinity will do."""
        bundle, row = self._scorer.bundle, LANGUAGE_ROW[language]
        if words is None:
            words = bundle.heads.vocabulary.transform(token_ids)

        def margins_of(heads: Heads) -> FloatArray:
            if vector is None:
                return heads.word_margins(token_ids, words)
            return heads.margins(vector, token_ids, words)

        margins = margins_of(bundle.heads)
        logits = bundle.calibration.logits(margins, language)
        above, sure = logits - self._possible[row], logits - self._assigned[row]
        scores = sigmoid(logits)
        found = []
        for at, (own, together) in enumerate(zip(self._columns, self._together, strict=True)):
            if asked is not None and not asked[at]:
                found.append(-np.inf)
            elif together is None:
                found.append(above[own].max())
            else:
                margin = float(margins_of(together.head)[0])
                found.append(max(together.excess(scores, margin, row), float(sure[own].max())))
        return np.array(found, dtype=np.float32)


def label_columns(bundle: Bundle) -> list[npt.NDArray[np.int64]]:
    """Return the positions of each taxonomy's labels, sub-items too, in the order of taxonomies."""
    return [
        np.array([i for i, label in enumerate(bundle.labels) if label.startswith(f"{one.id}:")])
        for one in bundle.taxonomies
    ]
