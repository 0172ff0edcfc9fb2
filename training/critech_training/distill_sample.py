"""What a student is taught with and certified on: texts, and what the full model says of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.batch.digests import row_key
from critech.batch.records import Record, Rejected
from critech.batch.rows import document_of
from critech.cascade.certificate import Certificate, certify
from critech.cascade.judging import read_tokens
from critech.cascade.student import Student
from critech.classifier import Classifier, checked_passage
from critech.results import Document
from critech.text import is_readable
from critech_training.corpus import Record as CorpusText

GROUP = 256
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Told:
    """What the full model says of texts: token ids by text, None for a text that is never the
    student's; whether anything of each taxonomy is ``possible`` or better [n_texts, n_taxonomies];
    the same for each label [n_texts, n_labels]."""

    ids: Sequence[list[int] | None]
    has_any: BoolArray
    has_label: BoolArray

    def teaching(self) -> tuple[list[list[int]], BoolArray, BoolArray]:
        """Return the texts that may be the student's."""
        at = [i for i, ids in enumerate(self.ids) if ids is not None]
        return [ids for ids in self.ids if ids is not None], self.has_any[at], self.has_label[at]


def sampled(items: Iterable[Record | Rejected], most: int, seed: int) -> list[Record]:
    """Return at most so many records with a text, each equally likely, in the order read. Records
    whose rows would be alike, by title, text and language, count once."""
    rng, kept, seen = random.Random(seed), list[tuple[int, Record]](), set[bytes]()
    n = 0
    for item in items:
        if isinstance(item, Rejected) or not is_readable(item.text):
            continue
        key = row_key(item, screen=False)
        if key in seen:
            continue
        seen.add(key)
        n += 1
        if len(kept) < most:
            kept.append((n, item))
        elif (place := rng.randrange(n)) < most:
            kept[place] = (n, item)
    return [record for _, record in sorted(kept, key=lambda one: one[0])]


def documents_of(texts: Sequence[Record] | Sequence[CorpusText]) -> list[Document]:
    """Return what is classified of records of a dump or texts of the corpus."""
    return [
        document_of(one)
        if isinstance(one, Record)
        else Document(text=one.text, title=one.title, language=one.language)
        for one in texts
    ]


def told(
    classifier: Classifier,
    documents: Sequence[Document],
    on_progress: Callable[[int], None] = lambda done: None,
) -> Told:
    """Return what the full model says of documents."""
    scorer, labels = classifier.scorer, classifier.bundle.labels
    ids: list[list[int] | None] = []
    decided = []
    for start in range(0, len(documents), GROUP):
        group = documents[start : start + GROUP]
        passages = [checked_passage(one, start + i) for i, one in enumerate(group)]
        scored = classifier.score_passages(passages, [one.language for one in group])
        decided += [[decision != "not_assigned" for decision in one.decisions] for one in scored]
        for document, passage, one in zip(group, passages, scored, strict=True):
            read = read_tokens(scorer, passage.text(), document.language)
            ids.append(None if read is None or one.out_of_distribution else read[1])
        on_progress(min(start + GROUP, len(documents)))
    has_label = np.array(decided, dtype=np.bool_).reshape(len(documents), len(labels))
    return Told(ids, _any_of(classifier, has_label), has_label)


def _any_of(classifier: Classifier, has_label: BoolArray) -> BoolArray:
    labels = classifier.bundle.labels
    own = [
        np.array([label.startswith(f"{one.id}:") for label in labels])
        for one in classifier.bundle.taxonomies
    ]
    return np.stack([has_label[:, columns].any(axis=1) for columns in own], axis=1)


def certificate_of(
    classifier: Classifier, student: Student, student_digest: str, calibration: Told, words: str
) -> Certificate:
    """Return the certificate of a student on texts that it was not taught with. A text that is
    never the student's counts as kept."""
    n_taxonomies = len(classifier.bundle.taxonomies)
    logits = np.full((len(calibration.ids), n_taxonomies), np.inf, dtype=np.float32)
    digest = hashlib.sha256()
    for i, ids in enumerate(calibration.ids):
        digest.update(repr(ids).encode())
        if ids is not None:
            logits[i] = student.logits(ids)
    names = [one.id for one in classifier.bundle.taxonomies]
    return Certificate(
        entries=certify(names, logits, calibration.has_any),
        model_digest=classifier.bundle.model_digest,
        student_digest=student_digest,
        population=words,
        calibration_digest=f"sha256:{digest.hexdigest()}",
    )
