"""Changes to a bundle's folder, as its maker, or somebody who can write to it, could make them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np

from critech.bundle import ARRAYS, MANIFEST, manifest_digest
from critech.classifier import Classifier
from critech.selftest import SelfTest


def edit_manifest(bundle: Path, **changes: object) -> None:
    """Change the manifest together with its digest."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest.update(changes)
    manifest["digest"] = manifest_digest(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def replace_file(bundle: Path, name: str, data: bytes) -> None:
    """Replace a file together with its checksum."""
    (bundle / name).write_bytes(data)
    files = json.loads((bundle / MANIFEST).read_text())["files"]
    files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    edit_manifest(bundle, files=files)


def remove_file(bundle: Path, name: str) -> None:
    """Remove a file together with its checksum."""
    (bundle / name).unlink()
    files = json.loads((bundle / MANIFEST).read_text())["files"]
    del files[name]
    edit_manifest(bundle, files=files)


def variant(bundle: Path, out: Path, version: str, shift: float = 0.0) -> Path:
    """Return a copy of a bundle with another version and margins raised by ``shift``."""
    shutil.copytree(bundle, out)
    if shift:
        with np.load(out / ARRAYS) as archive:
            arrays = {name: archive[name] for name in archive.files}
        arrays["intercept"] = arrays["intercept"] + np.float32(shift)
        data = io.BytesIO()
        np.savez_compressed(data, **arrays)  # type: ignore[arg-type]
        replace_file(out, ARRAYS, data.getvalue())
    edit_manifest(out, version=version)
    return out


def passes(_: Classifier) -> SelfTest:
    """Stand in for the self-test, which the tiny bundle, knowing nothing, does not pass."""
    return SelfTest(1, 1, ())
