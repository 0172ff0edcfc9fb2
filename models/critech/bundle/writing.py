"""Writing a bundle: beside its final place, then renamed."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.bundle.manifest import (
    ARRAYS,
    ENCODER,
    EXAMPLES,
    FORMAT,
    LABELS,
    MANIFEST,
    METRICS,
    MODEL_CARD,
    REJECTED,
    SCREENING,
    TOKENIZER,
    manifest_digest,
    parse_manifest,
    read_manifest_bytes,
)
from critech.bundle.reading import read_bundle
from critech.encoder import EncoderConfig
from critech.examples import ExampleIndex
from critech.screening.model import ScreeningModel


@dataclass(frozen=True)
class BundleContent:
    """What a training run hands over to be written as a bundle."""

    name: str
    version: str
    encoder_config: EncoderConfig
    encoder_bytes: bytes
    tokenizer_bytes: bytes
    labels: tuple[str, ...]
    snapshot: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    scale: float
    metrics: Mapping[str, Any]
    model_card: str
    training: Mapping[str, Any]
    examples: ExampleIndex | None = None
    screening: ScreeningModel | None = None
    rejected: bool = False


def write_bundle(content: BundleContent, path: Path) -> None:
    """Write a bundle beside its final place, then rename; a bundle that is there is replaced."""
    arrays = io.BytesIO()
    labels = np.array(content.labels)
    np.savez_compressed(arrays, **{**content.arrays, "labels": labels})  # type: ignore[arg-type]
    files = {
        ENCODER: content.encoder_bytes,
        TOKENIZER: content.tokenizer_bytes,
        ARRAYS: arrays.getvalue(),
        LABELS: _json_bytes(content.snapshot),
        METRICS: _json_bytes(content.metrics),
        MODEL_CARD: content.model_card.encode(),
    }
    if content.examples is not None:
        files[EXAMPLES] = content.examples.to_bytes()
    if content.screening is not None:
        files[SCREENING] = _json_bytes(content.screening.as_dict())
    manifest = {
        **({"format": REJECTED, "rejected": FORMAT} if content.rejected else {"format": FORMAT}),
        "name": content.name,
        "version": content.version,
        "encoder": content.encoder_config.as_dict(),
        "heads": {"scale": content.scale},
        "training": content.training,
        "labels": list(content.labels),
    }
    _write_folder(manifest, files, path)


def write_screening(path: Path, screening: ScreeningModel) -> None:
    """Give the bundle in a folder another screening model; every other file stays as it is.

    Raise BundleError, as ``read_bundle`` does, when the bundle is not sound.
    """
    read_bundle(path)
    manifest = parse_manifest(read_manifest_bytes(path))
    files = {name: (path / name).read_bytes() for name in manifest["files"]}
    _write_folder(manifest, {**files, SCREENING: _json_bytes(screening.as_dict())}, path)


def _write_folder(head: Mapping[str, Any], files: Mapping[str, bytes], path: Path) -> None:
    """Write files and their manifest; ``head`` is the manifest without checksums."""
    manifest = {
        **head,
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in files.items()
        },
    }
    manifest["digest"] = manifest_digest(manifest)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".bundle-") as temporary:
        folder = Path(temporary) / "new"
        folder.mkdir()
        for name, data in {**files, MANIFEST: _json_bytes(manifest)}.items():
            (folder / name).write_bytes(data)
        if path.exists():
            shutil.move(path, Path(temporary) / "old")
        folder.rename(path)


def _json_bytes(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()
