"""The certificate of ``--fast``, made on a sample of texts and what the full model says of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from critech.batch.digests import row_key
from critech.batch.records import Record, Rejected
from critech.batch.rows import document_of
from critech.cascade.certificate import Certificate, certify
from critech.cascade.words import Words, label_columns
from critech.classifier import Classifier, checked_passage
from critech.heads import FloatArray
from critech.passages import Passage
from critech.text import Language, is_readable

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
    that the tiers never decide counts as one that goes on."""
    words, columns = Words(classifier.scorer), label_columns(classifier.bundle)
    excess: list[FloatArray] = []
    has_any: list[BoolArray] = []
    for start in range(0, len(sample), GROUP):
        documents = [document_of(record) for record in sample[start : start + GROUP]]
        passages = [checked_passage(one, start + i) for i, one in enumerate(documents)]
        languages = [one.language for one in documents]
        excess.append(_excess_of(words, passages, languages, len(columns), classifier.threads))
        has_any.append(_found_in(classifier, passages, languages, columns))
        on_progress(start + len(documents))
    names = [one.id for one in classifier.bundle.taxonomies]
    texts = hashlib.sha256(b"".join(row_key(one, screen=False) for one in sample))
    return Certificate(
        entries=certify(names, np.concatenate(excess), np.concatenate(has_any)),
        model_digest=classifier.bundle.tiers_digest,
        population=population,
        calibration_digest=f"sha256:{texts.hexdigest()}",
    )


def _excess_of(
    words: Words,
    passages: Sequence[Passage],
    languages: Sequence[Language | None],
    n_taxonomies: int,
    threads: int,
) -> FloatArray:
    """Return the excess by the tiers [n_texts, n_taxonomies], infinite where they do not decide."""
    with ThreadPoolExecutor(threads) as pool:
        texts = (passage.text() for passage in passages)
        readings = list(pool.map(words.read, texts, languages))
    excess = np.full((len(passages), n_taxonomies), np.inf, dtype=np.float32)
    for row, reading in zip(excess, readings, strict=True):
        if reading is not None:
            row[:] = reading.excess
    return excess


def _found_in(
    classifier: Classifier,
    passages: Sequence[Passage],
    languages: Sequence[Language | None],
    columns: Sequence[npt.NDArray[np.int64]],
) -> BoolArray:
    """Return whether the full model has a label ``possible`` or better [n_texts, n_taxonomies]. Its
    labels are in ``columns``, by taxonomy."""
    scored = classifier.score_passages(passages, languages)
    found = np.array([[decision != "not_assigned" for decision in one.decisions] for one in scored])
    return np.stack([found[:, own].any(axis=1) for own in columns], axis=1)
