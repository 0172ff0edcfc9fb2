"""``--fast``: a student with its certificate, made ready for the records of a run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from critech.batch.rows import First, RowOptions
from critech.batch.tiered import student_row
from critech.cascade.certificate import Certificate, Entry, positives_needed
from critech.cascade.folder import CERTIFICATE, Tiers, need_certificates, read_tiers
from critech.cascade.judging import Judge
from critech.classifier import Classifier
from critech.digest import digest
from critech.errors import InputError


def load_tiers(classifier: Classifier, folder: Path, options: RowOptions) -> Tiers:
    """Return the student in a folder. Raise InputError when it is not this bundle's, when it has
    no certificate for a taxonomy asked for, and for screening, which looks below ``possible``."""
    if options.screen:
        raise InputError("--fast", "does not go with --screen, which looks below `possible`")
    bundle = classifier.bundle
    tiers = read_tiers(
        folder, bundle.model_digest, classifier.scorer.encoder.n_tokens, len(bundle.taxonomies)
    )
    need_certificates(tiers, _asked(classifier, options))
    return tiers


def first_of(classifier: Classifier, tiers: Tiers, options: RowOptions) -> First:
    """Return what is asked about each record before the full model is."""
    judge = Judge(classifier.scorer, tiers, _asked(classifier, options))
    return partial(student_row, classifier, judge, options.taxonomies)


def digest_in(folder: Path) -> str:
    """Return the digest of a folder's certificate, which names the student's, too."""
    return digest((folder / CERTIFICATE).read_bytes())


def certificate_lines(
    certificate: Certificate, taxonomies: tuple[str, ...] | None
) -> Iterator[str]:
    """Yield what the certificate says, a line for each taxonomy asked for."""
    yield f"fast: certified on {certificate.population}"
    for entry in certificate.entries:
        if taxonomies is None or entry.taxonomy in taxonomies:
            yield f"  {entry.taxonomy}: {_in_words(entry, certificate)}"


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


def _asked(classifier: Classifier, options: RowOptions) -> tuple[str, ...]:
    return options.taxonomies or tuple(one.id for one in classifier.bundle.taxonomies)
