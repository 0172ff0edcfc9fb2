"""Text to calibrated scores and decisions of all labels: one bundle, one text at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from critech.bundle import Bundle
from critech.decision import abstain, decide_all, lift_parents
from critech.encoder import Embedding, OnnxEncoder, Run, Text
from critech.heads import LANGUAGE_ROW, FloatArray, sigmoid
from critech.joint import joint_lists
from critech.lexical import COVERAGE_TOKENS
from critech.results import Decision, TextWarning
from critech.text import Language, detect_language
from critech_labels.taxonomy import parent_positions

SHORT_TEXT_TOKENS = 8


@dataclass(frozen=True)
class Scored:
    """What one text gives. ``logits`` and ``scores`` (their logistic function) are float32
    [n_labels], no category below its sub-items; ``decisions`` stand in the same label order;
    ``vector`` is the text's unit vector, ``token_ids`` are the tokens that were read. ``language``
    is the one declared, or that of the script, which ``script`` is in any case. ``coverage`` is the
    share of its tokens and token pairs known from training; with ``coverage_floor`` above it the
    text is out of distribution, and no label is assigned."""

    language: Language
    script: Language
    tokens_seen: int
    tokens_total: int
    logits: FloatArray
    scores: FloatArray
    decisions: Sequence[Decision]
    vector: FloatArray
    token_ids: tuple[int, ...]
    coverage: float
    coverage_floor: float

    @property
    def truncated(self) -> bool:
        """True when part of the text did not reach the encoder."""
        return self.tokens_seen < self.tokens_total

    @property
    def out_of_distribution(self) -> bool:
        """True when the text is unlike those the bundle was trained on. A text of fewer than
        ``COVERAGE_TOKENS`` tokens is too short to tell, which is a warning of its own."""
        return is_out_of_distribution(self.tokens_seen, self.coverage, self.coverage_floor)

    def warnings(self) -> list[TextWarning]:
        """Return what a reader of these scores should know."""
        warnings = []
        if self.truncated:
            warnings.append(
                TextWarning(
                    "truncated",
                    f"the text is longer than the limit: {self.tokens_seen} of "
                    f"{self.tokens_total} tokens were read",
                )
            )
        if self.script == "und":
            warnings.append(
                TextWarning(
                    "language_unsupported",
                    "the text is neither English nor Japanese by its script; scores are not "
                    "calibrated",
                )
            )
        elif self.language != self.script:
            warnings.append(
                TextWarning(
                    "language_mismatch",
                    f"the text is declared {self.language!r} and {self.script!r} by its script; "
                    "the scores are those for the declared language",
                )
            )
        if self.out_of_distribution:
            warnings.append(
                TextWarning(
                    "out_of_distribution",
                    f"only {self.coverage:.0%} of the text's words and word pairs are known from "
                    f"training ({self.coverage_floor:.0%} is the least that ordinary text has): "
                    "no label is assigned, and scores are not calibrated",
                )
            )
        if self.tokens_total < SHORT_TEXT_TOKENS:
            warnings.append(
                TextWarning(
                    "short_text", f"{self.tokens_total} tokens are little to judge a technology by"
                )
            )
        elif self.tokens_seen < COVERAGE_TOKENS:
            warnings.append(
                TextWarning(
                    "distribution_unknown",
                    f"{self.tokens_seen} tokens are too few to tell whether the text is like those "
                    f"the model was trained on; it takes {COVERAGE_TOKENS}",
                )
            )
        return warnings


def is_out_of_distribution(n_tokens: int, coverage: float, floor: float) -> bool:
    """Return whether a text with so much coverage is unlike those the bundle was trained on. One of
    fewer than ``COVERAGE_TOKENS`` tokens is too short to tell."""
    return n_tokens >= COVERAGE_TOKENS and coverage < floor


class _Read:
    """A text that is made when it is needed, and of which the script is remembered."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.script: Language = "und"

    def __call__(self) -> str:
        text = self.text()
        self.script = detect_language(text)
        return text


class Scorer:
    """Score cleaned texts with one bundle. Any number of threads may share an instance.

    ``bundle`` is the one given without the bytes of encoder and tokenizer, which are loaded."""

    def __init__(self, bundle: Bundle) -> None:
        self.encoder = OnnxEncoder(
            bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config
        )
        self.bundle = dataclasses.replace(bundle, encoder_bytes=b"", tokenizer_bytes=b"")
        self.position = {label: i for i, label in enumerate(bundle.labels)}
        self._parents = parent_positions(bundle.taxonomies)
        self.joint = joint_lists(bundle)
        found = bundle.any_field
        self._any_field = None if found is None else (found, found.head(bundle.heads))

    def score(self, text: str, language: Language | None = None) -> Scored:
        """Return scores and decisions of all labels for a cleaned, non-empty text."""
        script = detect_language(text)
        return self.score_embedding(self.encoder.embed(text), language or script, script)

    def score_all(
        self, texts: Sequence[Text], languages: Sequence[Language | None], run: Run = map
    ) -> list[Scored]:
        """Return what ``score`` gives for every text, in order. ``run`` does the work, in pieces
        of one call of the encoder."""
        reads = [_Read(text) for text in texts]
        embeddings = self.encoder.embed_all(reads, run)
        return [
            self.score_embedding(embedding, language or read.script, read.script)
            for embedding, read, language in zip(embeddings, reads, languages, strict=True)
        ]

    def score_embedding(self, embedding: Embedding, language: Language, script: Language) -> Scored:
        """Return scores and decisions of all labels for a text that is embedded already."""
        vector, ids = embedding.vector, embedding.token_ids
        words, coverage = self.bundle.heads.vocabulary.read(ids)
        margins = self.bundle.heads.margins(vector, ids, words)
        logits = lift_parents(self.bundle.calibration.logits(margins, language), self._parents)
        scores = sigmoid(logits)
        row = LANGUAGE_ROW[language]
        flags = [
            None if one is None else one.is_flagged(scores, vector, ids, words, row)
            for one in self.joint
        ]
        scored = Scored(
            language=language,
            script=script,
            tokens_seen=embedding.tokens_seen,
            tokens_total=embedding.tokens_total,
            logits=logits,
            scores=scores,
            decisions=decide_all(scores, self.bundle.thresholds, row, self._parents, flags),
            vector=embedding.vector,
            token_ids=embedding.token_ids,
            coverage=coverage,
            coverage_floor=float(self.bundle.coverage_floor[row]),
        )
        if scored.out_of_distribution:
            return dataclasses.replace(scored, decisions=abstain(scored.decisions))
        return scored

    def near_fields(
        self, scores: FloatArray, vector: FloatArray, token_ids: Sequence[int]
    ) -> float:
        """Return the probability, in 0..1, that a text with these scores of fields is in any of
        them, 0 where the bundle has no head for all together."""
        if self._any_field is None:
            return 0.0
        any_field, head = self._any_field
        return any_field.probability(scores, float(head.margins(vector, token_ids)[0]))

    def is_calibrated(self, scored: Scored, position: int) -> bool:
        """Return whether a score of this text rests on a fit of the label's own that holds for
        such a text."""
        known = scored.script != "und" and not scored.out_of_distribution
        return known and self.is_fitted(scored, position)

    def is_fitted(self, scored: Scored, position: int) -> bool:
        """Return whether enough examples stand behind the label for a fit of its own in the text's
        language."""
        return bool(self.bundle.calibration.fitted[LANGUAGE_ROW[scored.language], position])
