"""What the student says of one text, against the cut-offs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from critech.cascade.folder import Tiers
from critech.heads import LANGUAGE_ROW
from critech.lexical import COVERAGE_TOKENS
from critech.scorer import Scorer, is_out_of_distribution
from critech.text import Language, detect_language


@dataclass(frozen=True)
class Nothing:
    """A text that has, by the student, nothing of the taxonomies asked for."""

    language: Language
    tokens: int


class Judge:
    """Tell texts that surely have nothing of some taxonomies. Threads may share an instance."""

    def __init__(self, scorer: Scorer, tiers: Tiers, taxonomies: Sequence[str]) -> None:
        """Raise KeyError for a taxonomy without a certificate (``need_certificates``)."""
        self._scorer = scorer
        self._student = tiers.student
        order = [taxonomy.id for taxonomy in scorer.bundle.taxonomies]
        found = {entry.taxonomy: entry.cutoff for entry in tiers.certificate.entries}
        cutoffs = [(order.index(name), found[name]) for name in taxonomies]
        self._cutoffs = [(i, cutoff) for i, cutoff in cutoffs if cutoff is not None]
        if len(self._cutoffs) < len(cutoffs):
            raise KeyError("no certificate")

    def judge(self, text: str, language: Language | None = None) -> Nothing | None:
        """Return that a cleaned text has nothing, or None when the full model has to look.

        A text in another script than English or Japanese, one declared to be in another language
        than its script says, one cut short, one unlike the corpus and one too short to tell are
        never the student's."""
        read = read_tokens(self._scorer, text, language)
        if read is None:
            return None
        script, ids = read
        logits = self._student.logits(ids)
        if any(logits[i] >= cutoff for i, cutoff in self._cutoffs):
            return None
        return None if self._is_far(ids, script) else Nothing(script, len(ids))

    def _is_far(self, ids: Sequence[int], script: Language) -> bool:
        bundle = self._scorer.bundle
        coverage = bundle.heads.vocabulary.coverage(ids)
        floor = float(bundle.coverage_floor[LANGUAGE_ROW[script]])
        return is_out_of_distribution(len(ids), coverage, floor)


def read_tokens(
    scorer: Scorer, text: str, language: Language | None
) -> tuple[Language, list[int]] | None:
    """Return a cleaned text's script and token ids, None when it is in another script than English
    or Japanese, declared to be in another language than its script says, cut short or too short."""
    script = detect_language(text)
    if script == "und" or (language is not None and language != script):
        return None
    ids = scorer.encoder.token_ids(text)
    whole = COVERAGE_TOKENS <= len(ids) == len(scorer.encoder.seen(ids))
    return (script, ids) if whole else None
