"""``--fast``: the tiers with their certificate, made ready for the records of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from critech.batch.rows import First, RowOptions
from critech.batch.tiered import words_row
from critech.cascade.certificate import Certificate, Entry, positives_needed
from critech.cascade.certificate_file import read_certificate
from critech.cascade.words import Words
from critech.classifier import Classifier
from critech.errors import InputError


def load_certificate(classifier: Classifier, path: Path, options: RowOptions) -> Certificate:
    """Return the certificate in a file. Raise InputError when it is not this bundle's, when it has
    no cut-off for a taxonomy asked for, and for screening, which looks below ``possible``."""
    if options.screen:
        raise InputError("--fast", "does not go with --screen, which looks below `possible`")
    asked = options.taxonomies or tuple(one.id for one in classifier.bundle.taxonomies)
    return read_certificate(path, classifier.bundle.tiers_digest, asked)


def first_of(classifier: Classifier, certificate: Certificate, options: RowOptions) -> First:
    """Return what is asked about each record before the full model is. A certificate that lacks a
    taxonomy asked for leaves every record to the full model."""
    wanted = options.taxonomies
    cutoffs = np.array(
        [
            _cutoff(certificate, one.id) if wanted is None or one.id in wanted else math.inf
            for one in classifier.bundle.taxonomies
        ],
        dtype=np.float32,
    )
    return partial(words_row, classifier, Words(classifier.scorer), cutoffs, wanted)


def certificate_facts(
    certificate: Certificate, taxonomies: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    """Yield what the certificate says, name and sentence: of itself first, then of each taxonomy
    asked for."""
    yield "fast", f"certified on {certificate.population}"
    for entry in certificate.entries:
        if taxonomies is None or entry.taxonomy in taxonomies:
            yield entry.taxonomy, _in_words(entry, certificate)


def certificate_lines(certificate: Certificate, taxonomies: Sequence[str] | None) -> Iterator[str]:
    """Yield the facts of a certificate as lines, those of taxonomies set in."""
    first, *entries = certificate_facts(certificate, taxonomies)
    yield ": ".join(first)
    yield from (f"  {name}: {sentence}" for name, sentence in entries)


def _in_words(entry: Entry, certificate: Certificate) -> str:
    if entry.cutoff is None:
        needed = positives_needed(certificate.target, certificate.confidence)
        return (
            f"no certificate; {entry.n} of {entry.n_texts} texts had a label, and it takes at "
            f"least {needed}"
        )
    return (
        f"keeps {entry.kept} of {entry.n} texts with a label, at least {entry.lower_bound:.2%} "
        f"with {certificate.confidence:.0%} confidence; {entry.passed / entry.n_texts:.1%} of "
        f"{entry.n_texts} texts go on to the full model"
    )


def _cutoff(certificate: Certificate, taxonomy: str) -> float:
    found = certificate.cutoff(taxonomy)
    return -math.inf if found is None else found
