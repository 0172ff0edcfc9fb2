"""The classifier: documents in, calibrated labels of all four taxonomies out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from critech.bundle import Bundle, read_bundle
from critech.decision import abstain, decide_all, lift_parents
from critech.encoder import OnnxEncoder
from critech.errors import InputError, UnknownTaxonomyError
from critech.heads import LANGUAGE_ROW, FloatArray
from critech.lexical import COVERAGE_TOKENS
from critech.results import (
    Classification,
    Decision,
    Document,
    DocumentResult,
    LabelResult,
    ModelRef,
    TaxonomyResult,
    TextWarning,
)
from critech.text import Language, compose_document, detect_language
from critech_labels import Taxonomy, match_fields
from critech_labels.taxonomy import parent_positions

SCORE_DECIMALS = 6
SHORT_TEXT_TOKENS = 8
SECRET_PATENTS = "jp-secret-patent-25"


@dataclass(frozen=True)
class Options:
    """What of the result to return. ``taxonomies`` None means all; ``top_k`` None means all
    labels; labels below ``min_score`` are left out."""

    taxonomies: tuple[str, ...] | None = None
    top_k: int | None = 5
    min_score: float = 0.0


@dataclass(frozen=True)
class Scored:
    """Scores and decisions of all labels for one text, in label order. ``coverage`` is the share
    of its tokens and token pairs known from training; with ``coverage_floor`` above it the text is
    out of distribution, and no label is assigned."""

    language: Language
    tokens_seen: int
    tokens_total: int
    scores: FloatArray
    decisions: Sequence[Decision]
    coverage: float
    coverage_floor: float

    @property
    def out_of_distribution(self) -> bool:
        """True when the text is unlike those the bundle was trained on. A text of fewer than
        ``COVERAGE_TOKENS`` tokens is too short to tell."""
        return self.tokens_seen >= COVERAGE_TOKENS and self.coverage < self.coverage_floor


class Classifier:
    """Classify documents with one bundle on a pool of threads.

    A result depends on its document alone: not on batch, order, neighbours or thread count.
    Use as a context manager, or call ``close``, to end the threads.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self.bundle = bundle
        self.model = ModelRef(bundle.name, bundle.version, bundle.digest)
        self.encoder = OnnxEncoder(
            bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config
        )
        self.taxonomies = {taxonomy.id: taxonomy for taxonomy in bundle.taxonomies}
        self.threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="critech")
        self._position = {label: i for i, label in enumerate(bundle.labels)}
        self._parents = parent_positions(bundle.taxonomies)

    @classmethod
    def load(cls, path: Path | str | None = None, threads: int | None = None) -> Classifier:
        """Return a classifier over the bundle in a folder, by default the one that is shipped.

        Raise BundleError when the bundle is missing, changed or of a newer format.
        """
        return cls(read_bundle(None if path is None else Path(path)), threads)

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads; documents already handed in are finished first."""
        self._pool.shutdown(wait=True)

    def classify(
        self, documents: Iterable[Document | str], options: Options | None = None
    ) -> Classification:
        """Return one result per document, in input order.

        Raise InputError that names the document and the field for an empty text, and
        UnknownTaxonomyError for a taxonomy the bundle does not hold. All inputs are checked before
        any work is done.
        """
        options = options or Options()
        selected = self._select(options.taxonomies)
        ready = [
            (document, self._checked_text(document, i))
            for i, document in enumerate(
                Document(text=item) if isinstance(item, str) else item for item in documents
            )
        ]
        results = self._pool.map(
            lambda pair: self._classify_one(pair[0], pair[1], selected, options), ready
        )
        return Classification(tuple(results), self.model)

    def _select(self, ids: tuple[str, ...] | None) -> list[Taxonomy]:
        if ids is None:
            return list(self.bundle.taxonomies)
        for i, taxonomy_id in enumerate(ids):
            if taxonomy_id not in self.taxonomies:
                raise UnknownTaxonomyError(f"taxonomies[{i}]", tuple(self.taxonomies))
        return [taxonomy for taxonomy in self.bundle.taxonomies if taxonomy.id in ids]

    @staticmethod
    def _checked_text(document: Document, index: int) -> str:
        if not any(char.isalnum() for char in document.text):
            raise InputError(f"documents[{index}].text", "is empty: no letter, no digit")
        return compose_document(document.title, document.text)

    def score(self, text: str, language: Language | None = None) -> Scored:
        """Return scores and decisions of all labels for a cleaned, non-empty text."""
        language = language or detect_language(text)
        embedding = self.encoder.embed(text)
        margins = self.bundle.heads.margins(embedding.vector, embedding.token_ids)
        scores = lift_parents(self.bundle.calibration.scores(margins, language), self._parents)
        row = LANGUAGE_ROW[language]
        decisions = decide_all(scores, self.bundle.thresholds, row, self._parents)
        scored = Scored(
            language=language,
            tokens_seen=embedding.tokens_seen,
            tokens_total=embedding.tokens_total,
            scores=scores,
            decisions=decisions,
            coverage=self.bundle.heads.vocabulary.coverage(embedding.token_ids),
            coverage_floor=float(self.bundle.coverage_floor[row]),
        )
        if scored.out_of_distribution:
            return dataclasses.replace(scored, decisions=abstain(decisions))
        return scored

    def score_all(self, texts: Sequence[str], languages: Sequence[Language | None]) -> list[Scored]:
        """Return ``score`` for every cleaned text with its language, on the pool, in order."""
        return list(self._pool.map(self.score, texts, languages))

    def _classify_one(
        self, document: Document, text: str, selected: Sequence[Taxonomy], options: Options
    ) -> DocumentResult:
        scored = self.score(text, document.language)
        rules = self.taxonomies.get(SECRET_PATENTS)
        ipc = match_fields(document.ipc, taxonomy=rules).as_dict() if document.ipc else None
        return DocumentResult(
            id=document.id,
            language=scored.language,
            tokens_seen=scored.tokens_seen,
            tokens_total=scored.tokens_total,
            warnings=tuple(_warnings(scored)),
            taxonomies=tuple(self._taxonomy_result(t, scored, options) for t in selected),
            ipc=ipc,
        )

    def _taxonomy_result(
        self, taxonomy: Taxonomy, scored: Scored, options: Options
    ) -> TaxonomyResult:
        return TaxonomyResult(
            taxonomy.id, taxonomy.version, self._ranked(taxonomy, None, scored, options)
        )

    def _ranked(
        self, taxonomy: Taxonomy, parent: str | None, scored: Scored, options: Options
    ) -> tuple[LabelResult, ...]:
        """Return the labels below ``parent``, highest score first, ties in label order."""
        row = LANGUAGE_ROW[scored.language]
        siblings = taxonomy.top_level() if parent is None else taxonomy.children(parent)
        at = {label.code: self._position[label.id] for label in siblings}
        ranked = sorted(siblings, key=lambda label: -scored.scores[at[label.code]])
        kept = [label for label in ranked if scored.scores[at[label.code]] >= options.min_score]
        return tuple(
            LabelResult(
                code=label.code,
                title=label.title.as_dict(),
                score=round(float(scored.scores[at[label.code]]), SCORE_DECIMALS),
                decision=scored.decisions[at[label.code]],
                calibrated=scored.language != "und"
                and not scored.out_of_distribution
                and bool(self.bundle.calibration.fitted[row, at[label.code]]),
                children=self._ranked(taxonomy, label.code, scored, options),
            )
            for label in kept[: options.top_k]
        )


def _warnings(scored: Scored) -> list[TextWarning]:
    warnings = []
    if scored.tokens_seen < scored.tokens_total:
        warnings.append(
            TextWarning(
                "truncated",
                f"the text is longer than the limit: {scored.tokens_seen} of "
                f"{scored.tokens_total} tokens were read",
            )
        )
    if scored.language == "und":
        warnings.append(
            TextWarning(
                "language_unsupported",
                "the text is neither English nor Japanese by its script; scores are not calibrated",
            )
        )
    if scored.out_of_distribution:
        warnings.append(
            TextWarning(
                "out_of_distribution",
                f"only {scored.coverage:.0%} of the text's words and word pairs are known from "
                f"training ({scored.coverage_floor:.0%} is the least that ordinary text has): no "
                "label is assigned, and scores are not calibrated",
            )
        )
    if scored.tokens_total < SHORT_TEXT_TOKENS:
        warnings.append(
            TextWarning(
                "short_text", f"{scored.tokens_total} tokens are little to judge a technology by"
            )
        )
    return warnings
