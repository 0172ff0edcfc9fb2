"""The classifier: documents in, calibrated labels of all four taxonomies out."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from critech.bundle import Bundle, read_bundle
from critech.encoder import Run, Text
from critech.errors import InputError, UnknownTaxonomyError
from critech.explain import SCORE_DECIMALS, Evidence, Explainer, Request
from critech.given import several, wrong_type
from critech.observing import observer, stage, timed_run
from critech.passages import Passage, Section
from critech.results import (
    Classification,
    Document,
    DocumentResult,
    LabelResult,
    ModelRef,
    TaxonomyResult,
)
from critech.scorer import Scored, Scorer
from critech.text import Language, is_readable
from critech_labels import Label, Taxonomy, load_taxonomy, match_fields
from critech_labels.matcher import SECRET_PATENTS


@dataclass(frozen=True)
class Options:
    """What of the result to return. ``taxonomies`` None means all; ``top_k`` None means all
    labels; labels below ``min_score`` are left out. ``explain`` adds evidence to every label that
    is ``possible`` or ``assigned``. ``as_of`` picks the versions of titles and IPC rules in force
    on a date, the newest by default."""

    taxonomies: tuple[str, ...] | None = None
    top_k: int | None = 5
    min_score: float = 0.0
    explain: bool = False
    as_of: dt.date | None = None


class Classifier:
    """Classify documents with one bundle on a pool of threads.

    A result depends on its document alone: not on batch, order, neighbours or thread count.
    Use as a context manager, or call ``close``, to end the threads. With ``nice`` above 0, up to
    19, the threads let others go first, where the system has that for single threads.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None, nice: int = 0) -> None:
        self.scorer = Scorer(bundle)
        self.bundle = self.scorer.bundle
        self.model = ModelRef(bundle.name, bundle.version, bundle.digest)
        self.explainer = Explainer(self.scorer)
        self.taxonomies = {taxonomy.id: taxonomy for taxonomy in bundle.taxonomies}
        self.threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(
            self.threads, "critech", initializer=_step_back, initargs=(nice,)
        )
        self._run: Run = self._pool.map

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

    def on(self, run: Run) -> Classifier:
        """Return this classifier with its work handed to ``run`` in place of its own threads.
        Results are the same to the bit. What ``run`` raises comes out of every call. The original
        is the one to close."""
        other = copy.copy(self)
        other._run = run
        return other

    def close(self) -> None:
        """End the threads; documents already handed in are finished first."""
        self._pool.shutdown(wait=True)

    def classify(
        self, documents: Iterable[Document | str], options: Options | None = None
    ) -> Classification:
        """Return one result per document, in input order.

        Raise InputError that names the document and the field for an empty text,
        UnknownTaxonomyError for a taxonomy the bundle does not hold, and TypeError for a single
        text and for a document of another type. All inputs are checked before any work is done.
        """
        options = options or Options()
        versions = self.taxonomies_as_of(options.as_of)
        taxonomies = self._select(options.taxonomies, versions)
        rules = versions.get(SECRET_PATENTS)
        ready = [
            (document, checked_passage(document, i))
            for i, document in enumerate(_documents(documents))
        ]
        scored = self.score_passages(
            [passage for _, passage in ready], [document.language for document, _ in ready]
        )
        evidence: Sequence[Mapping[str, tuple[Evidence, ...]]] = [{}] * len(ready)
        if options.explain:
            evidence = self.explain_all(
                [
                    Request(passage, one, _flagged(taxonomies, one, self.scorer))
                    for (_, passage), one in zip(ready, scored, strict=True)
                ]
            )
        results = [
            self._result(
                document,
                _Shown(one, options, found),
                taxonomies,
                match_fields(document.ipc, taxonomy=rules).as_dict() if document.ipc else None,
            )
            for (document, _), one, found in zip(ready, scored, evidence, strict=True)
        ]
        return Classification(tuple(results), self.model, tuple(scored))

    @staticmethod
    def _select(ids: tuple[str, ...] | None, versions: Mapping[str, Taxonomy]) -> list[Taxonomy]:
        for i, taxonomy_id in enumerate(ids or ()):
            if taxonomy_id not in versions:
                raise UnknownTaxonomyError(f"taxonomies[{i}]", tuple(versions))
        return [t for t in versions.values() if ids is None or t.id in ids]

    def score_all(self, texts: Sequence[str], languages: Sequence[Language | None]) -> list[Scored]:
        """Return the scores of every cleaned text with its language, on the pool, in order."""
        return self._scored([text.__str__ for text in texts], languages)

    def score_passages(
        self, passages: Sequence[Passage], languages: Sequence[Language | None]
    ) -> list[Scored]:
        """Return the scores of every passage with its language, on the pool, in order."""
        return self._scored([one.text for one in passages], languages)

    def _scored(self, texts: Sequence[Text], languages: Sequence[Language | None]) -> list[Scored]:
        with timed_run("inference", self._run, len(texts)) as run:
            found = self.scorer.score_all(texts, languages, run)
        if (told := observer()) is not None:
            told.scored(found, self.bundle.labels)
        return found

    def explain_all(self, requests: Sequence[Request]) -> list[dict[str, tuple[Evidence, ...]]]:
        """Return evidence by label id for every request, on the pool, in order."""
        with stage("evidence", len(requests)):
            return self.explainer.explain(requests, self._run)

    def taxonomies_as_of(self, date: dt.date | None) -> dict[str, Taxonomy]:
        """Return the bundle's taxonomies by id, in the versions in force on a date. Codes never
        change their meaning, so scores hold for every version that has the same codes; another
        version is passed over for the bundle's own."""
        if date is None:
            return dict(self.taxonomies)
        return {name: _version_as_of(taxonomy, date) for name, taxonomy in self.taxonomies.items()}

    def _result(
        self,
        document: Document,
        shown: _Shown,
        taxonomies: Sequence[Taxonomy],
        ipc: dict[str, object] | None,
    ) -> DocumentResult:
        scored, as_of = shown.scored, shown.options.as_of
        return DocumentResult(
            id=document.id,
            language=scored.language,
            tokens_seen=scored.tokens_seen,
            tokens_total=scored.tokens_total,
            warnings=tuple(scored.warnings()),
            taxonomies=tuple(
                TaxonomyResult(
                    taxonomy.id,
                    taxonomy.version,
                    self._ranked(taxonomy, None, shown),
                    None if as_of is None else taxonomy.in_force(as_of),
                )
                for taxonomy in taxonomies
            ),
            ipc=ipc,
        )

    def _ranked(
        self, taxonomy: Taxonomy, parent: str | None, shown: _Shown
    ) -> tuple[LabelResult, ...]:
        """Return the labels below ``parent``, highest score first, ties in label order."""
        scored, options = shown.scored, shown.options
        siblings = taxonomy.top_level() if parent is None else taxonomy.children(parent)
        at = {label.code: self.scorer.position[label.id] for label in siblings}
        ranked = sorted(siblings, key=lambda label: -scored.scores[at[label.code]])
        kept = [label for label in ranked if scored.scores[at[label.code]] >= options.min_score]
        return tuple(
            LabelResult(
                code=label.code,
                title=label.title.as_dict(),
                score=round(float(scored.scores[at[label.code]]), SCORE_DECIMALS),
                decision=scored.decisions[at[label.code]],
                calibrated=self.scorer.is_calibrated(scored, at[label.code]),
                children=self._ranked(taxonomy, label.code, shown),
                evidence=shown.evidence.get(label.id, ()) if options.explain else None,
            )
            for label in kept[: options.top_k]
        )


@dataclass(frozen=True)
class _Shown:
    """What the results of one document are made of."""

    scored: Scored
    options: Options
    evidence: Mapping[str, tuple[Evidence, ...]]


def _step_back(nice: int) -> None:
    """Lower the priority of the thread that calls; where that is not possible, do nothing."""
    if nice and sys.platform == "linux":  # where a thread has an id and a priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


def _documents(items: Iterable[Document | str]) -> Iterator[Document]:
    """Yield every item as a document. Raise TypeError for a single text, and for an item of another
    type by its place."""
    for i, item in enumerate(several(items, "documents", "texts or Documents")):
        document = Document(text=item) if isinstance(item, str) else item
        if not isinstance(document, Document):
            raise wrong_type(f"documents[{i}]", "a text or a Document", item)
        if not isinstance(document.text, str):
            raise wrong_type(f"documents[{i}].text", "a text", document.text)
        if not isinstance(document.title, str | None):
            raise wrong_type(f"documents[{i}].title", "a text or None", document.title)
        yield document


def checked_passage(document: Document, index: int) -> Passage:
    """Return what is read of a document. Raise InputError when its text is empty."""
    if not is_readable(document.text):
        raise InputError(f"documents[{index}].text", "is empty: no letter, no digit")
    title = (Section("title", document.title),) if document.title else ()
    return Passage((*title, Section("text", document.text)))


def _flagged(taxonomies: Sequence[Taxonomy], scored: Scored, scorer: Scorer) -> tuple[Label, ...]:
    """Return the labels that are ``possible`` or ``assigned``, in label order."""
    return tuple(
        label
        for taxonomy in taxonomies
        for label in taxonomy.labels
        if scored.decisions[scorer.position[label.id]] != "not_assigned"
    )


def _version_as_of(taxonomy: Taxonomy, date: dt.date) -> Taxonomy:
    found = load_taxonomy(taxonomy.id, date)
    return found if found.codes() == taxonomy.codes() else taxonomy
