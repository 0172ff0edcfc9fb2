"""The certificate of ``--fast``, made on a sample of texts and what the full model says of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from critech.batch.digests import row_key
from critech.batch.records import Record, Rejected
from critech.batch.rows import document_of
from critech.cascade.certificate import Certificate, certify
from critech.cascade.words import Words, label_columns
from critech.classifier import Classifier, checked_passage
from critech.heads import FloatArray
from critech.text import is_readable

GROUP = 256
BoolArray = npt.NDArray[np.bool_]


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


def certificate_of(
    classifier: Classifier,
    sample: Sequence[Record],
    population: str,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Certificate:
    """Return the certificate that a sample gives; ``population`` says in words what it is. A text
    that words never decide counts as one that goes on."""
    words, columns = Words(classifier.scorer), label_columns(classifier.bundle)
    excess: list[FloatArray] = []
    has_any: list[BoolArray] = []
    for start in range(0, len(sample), GROUP):
        group = sample[start : start + GROUP]
        excess.append(_excess_of(words, group, len(columns)))
        has_any.append(_found_in(classifier, group, columns))
        on_progress(start + len(group))
    names = [one.id for one in classifier.bundle.taxonomies]
    texts = hashlib.sha256(b"".join(row_key(one, screen=False) for one in sample))
    return Certificate(
        entries=certify(names, np.concatenate(excess), np.concatenate(has_any)),
        model_digest=classifier.bundle.model_digest,
        population=population,
        calibration_digest=f"sha256:{texts.hexdigest()}",
    )


def _excess_of(words: Words, records: Sequence[Record], n_taxonomies: int) -> FloatArray:
    """Return the excess by words [n_records, n_taxonomies], infinite where words do not decide."""
    excess = np.full((len(records), n_taxonomies), np.inf, dtype=np.float32)
    for i, document in enumerate(map(document_of, records)):
        reading = words.read(checked_passage(document, i).text(), document.language)
        if reading is not None:
            excess[i] = reading.excess
    return excess


def _found_in(
    classifier: Classifier, records: Sequence[Record], columns: Sequence[npt.NDArray[np.int64]]
) -> BoolArray:
    """Return whether the full model has a label ``possible`` or better [n_records, n_taxonomies].
    Its labels are in ``columns``, by taxonomy."""
    documents = [document_of(record) for record in records]
    passages = [checked_passage(one, i) for i, one in enumerate(documents)]
    scored = classifier.score_passages(passages, [one.language for one in documents])
    found = np.array([[decision != "not_assigned" for decision in one.decisions] for one in scored])
    return np.stack([found[:, own].any(axis=1) for own in columns], axis=1)
