"""A bundle in short: what it is, how it was made, how good it is, what it holds, who signed it."""

from __future__ import annotations

from typing import Any

from critech.bundle.manifest import STUDENT, listed_files
from critech.bundle.reading import Bundle
from critech.bundle.signature import Signed
from critech.screening.screen import certificate_summary

MADE = ("base", "corpus_version", "corpus_digest", "n_texts", "packages", "python")


def summary(bundle: Bundle, signed: Signed | None, checked: bool) -> dict[str, Any]:
    """Return the summary in its JSON form. ``checked`` says whether the signature was held against
    a key. A bundle does not hold the time it was made, so that equal training gives equal bytes."""
    training = bundle.manifest.get("training", {})
    sizes = {name: entry.get("bytes") for name, entry in listed_files(bundle.manifest).items()}
    screening = bundle.screening
    return {
        "name": bundle.name,
        "version": bundle.version,
        "format": bundle.manifest["format"],
        "digest": bundle.digest,
        "model_digest": bundle.model_digest,
        "tiers_digest": bundle.tiers_digest,
        "taxonomies": [{"id": one.id, "version": one.version} for one in bundle.taxonomies],
        "n_labels": len(bundle.labels),
        "made": {name: training[name] for name in MADE if name in training},
        "files": sizes,
        "metrics": {name: _figures(found) for name, found in _metrics(bundle).items()},
        "metrics_on": bundle.metrics.get("data"),
        "examples": bundle.examples is not None,
        "screening": None if screening is None else {"fusion": screening.fusion is not None},
        "student": STUDENT in sizes,
        "certificate": certificate_summary(bundle),
        "signature": None
        if signed is None
        else {"key_id": signed.key_id, "comment": signed.comment, "checked": checked},
    }


def _metrics(bundle: Bundle) -> dict[str, Any]:
    found = bundle.metrics.get("taxonomies", {})
    return found if isinstance(found, dict) else {}


def _figures(found: Any) -> dict[str, Any]:
    """Return value and 95 % interval of each metric of one taxonomy, with the number of texts."""
    metrics = found.get("metrics", {})
    return {"n_texts": found.get("n_texts"), "n_positives": found.get("n_positives"), **metrics}
