"""Does a loaded bundle work here: a handful of texts whose labels nobody would dispute.

Checksums show that the files are those that were made. This shows that this machine, with these
libraries, reads them as it should: an encoder that returns noise, heads in another label order or
thresholds gone astray pass every checksum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from critech.classifier import Classifier, Options
from critech.results import Classification, DocumentResult, LabelResult

AMONG_FIRST = 3
TEXTS = "golden_texts.yaml"


@dataclass(frozen=True)
class GoldenText:
    """A text with what any sane bundle says of it; the file says how each field is read."""

    id: str
    language: str
    text: str
    labels: tuple[str, ...] = ()
    unassigned: tuple[str, ...] = ()


@dataclass(frozen=True)
class SelfTest:
    """How a classifier did: number of texts, number of expectations that its bundle could be held
    against, and what failed, as one line for each that names text id and label and no text."""

    n_texts: int
    n_checks: int
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when something was checked and nothing failed."""
        return self.n_checks > 0 and not self.failures


def golden_texts() -> tuple[GoldenText, ...]:
    """Return the texts that come with the package."""
    content = resources.files("critech").joinpath(TEXTS).read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(content)
    return tuple(
        GoldenText(
            one["id"],
            one["language"],
            one["text"],
            tuple(one.get("labels", ())),
            tuple(one.get("unassigned", ())),
        )
        for one in found
    )


def self_test(classifier: Classifier, texts: Sequence[GoldenText] | None = None) -> SelfTest:
    """Return how a classifier does on golden texts, by default those of the package.

    Never raises: a classifier that does is one that failed. The first text is classified twice, at
    both ends of the batch, and must give the same bits. A bundle that holds none of the labels
    and taxonomies that are asked for has not passed.
    """
    golden = golden_texts() if texts is None else texts
    batch = [one.text for one in (*golden, *golden[:1])]
    try:
        found = classifier.classify(batch, Options(top_k=None))
    except Exception as error:  # its message may hold anything
        return SelfTest(len(golden), 0, (f"classifying raised {type(error).__name__}",))
    held = set(classifier.bundle.labels)
    known = [
        GoldenText(
            one.id,
            one.language,
            one.text,
            tuple(label for label in one.labels if label in held),
            tuple(name for name in one.unassigned if name in classifier.taxonomies),
        )
        for one in golden
    ]
    failures = tuple(_failures(known, found, len(held)))
    return SelfTest(len(golden), sum(len(k.labels) + len(k.unassigned) for k in known), failures)


def _failures(golden: Sequence[GoldenText], found: Classification, n_labels: int) -> Iterator[str]:
    for one, result in zip(golden, found.results, strict=False):  # one more result than texts
        yield from (f"{one.id}: {problem}" for problem in _problems(one, result, n_labels))
    if golden and found.results[0].as_dict() != found.results[-1].as_dict():
        yield f"{golden[0].id}: other scores at another place in the batch"


def _problems(golden: GoldenText, result: DocumentResult, n_labels: int) -> Iterator[str]:
    if result.language != golden.language:
        yield f"language {result.language}, expected {golden.language}"
    by_taxonomy = {one.id: {la.code: la for la in one.all_labels()} for one in result.taxonomies}
    scores = [label.score for labels in by_taxonomy.values() for label in labels.values()]
    if len(scores) != n_labels or not all(0 <= score <= 1 for score in scores):
        yield "a score is missing or outside 0..1"  # one that is no number is left out as too low
        return
    ranked = {one.id: [label.code for label in one.labels] for one in result.taxonomies}
    for label_id in golden.labels:
        taxonomy, _, code = label_id.partition(":")
        if by_taxonomy[taxonomy][code].decision == "not_assigned":
            yield f"{label_id} is not_assigned, expected possible or assigned"
        if code not in ranked[taxonomy][:AMONG_FIRST]:
            yield f"{label_id} is not among the first {AMONG_FIRST} labels"
    for taxonomy in golden.unassigned:
        if wrong := _assigned(by_taxonomy[taxonomy]):
            yield f"{taxonomy} {', '.join(wrong)} assigned, expected nothing"


def _assigned(labels: Mapping[str, LabelResult]) -> list[str]:
    return [code for code, label in labels.items() if label.decision == "assigned"]
