"""Writing a bundle: beside its final place, then renamed."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.bundle.checking import check_bundle
from critech.bundle.manifest import (
    ANY_FIELD,
    ANY_TECHNOLOGY,
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
    STUDENT,
    TOKENIZER,
    listed_files,
    manifest_digest,
    parse_manifest,
    read_manifest_bytes,
)
from critech.bundle.reading import Bundle, locate, read_checked
from critech.encoder import EncoderConfig
from critech.errors import BundleError
from critech.examples import ExampleIndex
from critech.screening.any_field import AnyField
from critech.screening.model import ScreeningModel
from critech.syncing import sync_file, sync_folder


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
    any_field: AnyField | None = None
    any_technology: AnyField | None = None
    student: bytes | None = None
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
    if content.any_field is not None:
        files[ANY_FIELD] = content.any_field.to_bytes()
    if content.any_technology is not None:
        files[ANY_TECHNOLOGY] = content.any_technology.to_bytes()
    if content.student is not None:
        files[STUDENT] = content.student
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
    """Give the bundle in a folder, or the current one of a bundles directory, another screening
    model; every other file stays as it is.

    Raise BundleError when ``check_bundle`` finds anything wrong with the bundle.
    """
    _rewrite(path, SCREENING, _json_bytes(screening.as_dict()), {})


def write_student(
    bundle: Bundle, student: bytes, made: Mapping[str, Any], version: str | None = None
) -> None:
    """Give a bundle, in the folder that it was read from, another student, and another version when
    one is named; ``made`` is what its manifest is to say of the student's training. Every other
    file stays as it is.

    Raise BundleError when ``check_bundle`` finds anything wrong with the bundle, and when the
    folder holds another one by now.
    """
    if bundle.folder is None:
        raise BundleError(MANIFEST, "is of no folder", "a bundle read from one", "none")
    found = parse_manifest(read_manifest_bytes(bundle.folder))["digest"]
    if found != bundle.digest:
        raise BundleError(MANIFEST, "is another bundle's by now", bundle.digest, found)
    head: dict[str, Any] = {"training": {**bundle.manifest.get("training", {}), "student": made}}
    if version is not None:
        head["version"] = version
    _rewrite(bundle.folder, STUDENT, student, head)


def _rewrite(path: Path, name: str, data: bytes, head: Mapping[str, Any]) -> None:
    """Replace one file of a bundle, and fields of its manifest."""
    folder = locate(path)
    check_bundle(folder).raise_first()
    manifest = parse_manifest(read_manifest_bytes(folder))
    listed = listed_files(manifest)
    files = {one: read_checked(folder, one, listed) for one in listed}
    _write_folder({**manifest, **head}, {**files, name: data}, folder)


def _write_folder(head: Mapping[str, Any], files: Mapping[str, bytes], path: Path) -> None:
    """Write files and their manifest; ``head`` is the manifest without checksums. Raise
    BundleError, with nothing written, when that would be no manifest."""
    manifest = {
        **head,
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in files.items()
        },
    }
    manifest["digest"] = manifest_digest(manifest)
    written = _json_bytes(manifest)
    parse_manifest(written, accept_rejected=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".bundle-") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        for name, data in {**files, MANIFEST: written}.items():
            (new / name).write_bytes(data)
            sync_file(new / name)
        sync_folder(new)
        _put_in_place(new, path, Path(temporary) / "old")


def _put_in_place(new: Path, path: Path, old: Path) -> None:
    """Rename a folder to its place, lastingly. What is there is kept as ``old`` until then, and
    put back whatever interrupts this."""
    try:
        if path.exists():
            path.rename(old)
            sync_folder(old.parent)
        new.rename(path)
        sync_folder(path.parent)
    except BaseException:
        if old.exists():
            if path.exists():
                path.rename(new)
            old.rename(path)
        raise


def _json_bytes(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()
