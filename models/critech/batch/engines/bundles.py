"""The bundle on a machine that may not have it: from a folder, or copied from object storage."""

from __future__ import annotations

import tempfile
from pathlib import Path

from critech.batch.addresses import opened
from critech.classifier import Classifier


def load_classifier(bundle: str | None, threads: int) -> Classifier:
    """Return a classifier over the bundle in a folder or at an address that fsspec reads, None for
    the one that is shipped. All of a bundle is checked before it is used, wherever it comes from.
    A copy is removed once it is loaded."""
    if bundle is None or "://" not in bundle:
        return Classifier.load(bundle, threads)
    fs, path = opened("bundle", bundle)
    with tempfile.TemporaryDirectory(prefix="critech-bundle-") as folder:
        copy = Path(folder) / "bundle"
        fs.get(path.rstrip("/") + "/", f"{copy}/", recursive=True)
        return Classifier.load(copy, threads)
