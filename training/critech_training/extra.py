"""Corrections as texts to fit on and texts to measure on, apart from all that measures already."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from critech.corrections import Correction
from critech_labels import Taxonomy
from critech_labels.taxonomy import label_order
from critech_training.corpus import ARGUABLE, POSITIVE, Record, is_held_out
from critech_training.judged import Strengths
from critech_training.near_duplicates import ShingleIndex, words_only
from critech_training.settle import JudgedDocument, Outcome, settle

HELD_OUT_PERCENT = 20
CORPUS_CONFLICT = {True: 0, False: POSITIVE}


@dataclass(frozen=True)
class Refused:
    """A document whose text is not used, by the names the operator gave it, and the id of the text
    that it is a near duplicate of."""

    names: tuple[str, ...]
    reason: Outcome
    like: str


@dataclass(frozen=True)
class ExtraTexts:
    """What corrections give: ``fit`` and ``held_out`` documents, how many corrections had which
    outcome, and the documents refused for what they are near to."""

    fit: tuple[JudgedDocument, ...]
    held_out: tuple[JudgedDocument, ...]
    outcomes: Mapping[Outcome, int]
    refused: tuple[Refused, ...]


def extra_texts(
    corrections: Sequence[Correction],
    taxonomies: Sequence[Taxonomy],
    corpus: Sequence[Record],
    measuring: Sequence[Record],
) -> ExtraTexts:
    """Return the texts of corrections, those left out that are near duplicates of a text of the
    corpus or of the ``measuring`` texts beside it.

    Documents that share an id, or that are near duplicates of each other, are never split.
    """
    category_of = {
        label.id: None if label.parent is None else f"{taxonomy.id}:{label.parent}"
        for taxonomy in taxonomies
        for label in taxonomy.labels
    }
    documents, outcomes = settle(corrections, category_of)
    index = ShingleIndex([_words(document.title, document.text) for document in documents])
    near_to: list[list[tuple[Record, bool]]] = [[] for _ in documents]
    for records, measures in ((corpus, False), (measuring, True)):
        for record in records:
            for at in index.near(_words(record.title, record.text)):
                near_to[at].append((record, measures or is_held_out(record)))
    kept, refused = [], []
    for document, near in zip(documents, near_to, strict=True):
        if not near:
            kept.append(document)
            continue
        reason, like = _reason(document, near)
        refused.append(Refused(tuple(sorted(document.names)), reason, like))
        for row in document.rows:
            if outcomes[row] == "used":
                outcomes[row] = reason
    held_out = _held_out(kept, corrections)
    return ExtraTexts(
        fit=tuple(one for one, out in zip(kept, held_out, strict=True) if not out),
        held_out=tuple(one for one, out in zip(kept, held_out, strict=True) if out),
        outcomes=dict(sorted(Counter(outcomes).items())),
        refused=tuple(refused),
    )


def _words(title: str | None, text: str) -> str:
    return f"{title or ''} {text}"


def _reason(document: JudgedDocument, near: Sequence[tuple[Record, bool]]) -> tuple[Outcome, str]:
    """Return why a document is not used that is near to known texts, each with whether it measures,
    and the id of the text that says so: one whose labels it contradicts before all, then one that
    measures."""
    words = words_only(document.text)
    for record, _ in near:
        if words == words_only(record.text) and any(
            record.labels.get(label, 0) == CORPUS_CONFLICT[right]
            for label, right in document.judgements.items()
        ):
            return "contradicts_corpus", record.id
    record, measures = max(near, key=lambda pair: pair[1])
    return ("like_measuring_text" if measures else "in_corpus"), record.id


def _held_out(documents: Sequence[JudgedDocument], corrections: Sequence[Correction]) -> list[bool]:
    """Return which documents are held out: a group goes where a hash of the words of the document
    that was corrected first sends it, so that later corrections leave it where it is, unless one
    shows that it belongs to an earlier document."""
    out = [False] * len(documents)
    for group in _groups(documents):
        first = min(
            group,
            key=lambda i: (min(corrections[r].time for r in documents[i].rows), documents[i].key),
        )
        bucket = int(hashlib.sha256(f"split:{documents[first].key}".encode()).hexdigest(), 16)
        for i in group:
            out[i] = bucket % 100 < HELD_OUT_PERCENT
    return out


def _groups(documents: Sequence[JudgedDocument]) -> list[list[int]]:
    """Return the rows of documents that belong together, each row once."""
    index = ShingleIndex([_words(one.title, one.text) for one in documents])
    with_name: dict[str, list[int]] = {}
    for i, document in enumerate(documents):
        for name in document.names:
            with_name.setdefault(name, []).append(i)
    group_of: dict[int, list[int]] = {i: [i] for i in range(len(documents))}
    for i, document in enumerate(documents):
        related = set(index.near(_words(document.title, document.text)))
        related.update(*(with_name[name] for name in document.names))
        merged = sorted({j for other in related | {i} for j in group_of[other]})
        for j in merged:
            group_of[j] = merged
    unique = {group[0]: group for group in group_of.values()}
    return list(unique.values())


def extra_strengths(
    documents: Sequence[JudgedDocument], taxonomies: Sequence[Taxonomy]
) -> Strengths:
    """Return strengths int8 [n_texts, n_labels]: 2 right, 0 wrong, 1 not judged. A sub-item that
    applies speaks for its category, a category that does not against its sub-items, where nobody
    judged these themselves."""
    order = label_order(taxonomies)
    position = {label: i for i, label in enumerate(order)}
    out = np.full((len(documents), len(order)), ARGUABLE, dtype=np.int8)
    pairs = [
        (label.id, f"{taxonomy.id}:{label.parent}")
        for taxonomy in taxonomies
        for label in taxonomy.labels
        if label.parent is not None
    ]
    for row, document in zip(out, documents, strict=True):
        judged = dict(document.judgements)
        for item, category in pairs:
            if document.judgements.get(item) is True and category not in document.disputed:
                judged.setdefault(category, True)
            if document.judgements.get(category) is False and item not in document.disputed:
                judged.setdefault(item, False)
        for label, right in judged.items():
            row[position[label]] = POSITIVE if right else 0
    return out
