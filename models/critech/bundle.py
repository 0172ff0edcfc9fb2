"""Bundles: a folder of plain files with a manifest, every byte checked before anything is loaded.

``FORMAT`` is raised when an older critech could misread a newer bundle: a file is added that must
not be ignored, a field changes its meaning, or features are computed differently. A bundle with a
higher number than this is refused. Format 2 added ``coverage_floor``; a bundle of format 1 is read
as one without an out-of-distribution signal.
"""

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

from critech.decision import Thresholds
from critech.encoder import EncoderConfig
from critech.errors import BundleError
from critech.examples import ExampleIndex
from critech.heads import Calibration, Heads
from critech.lexical import LexicalVocabulary
from critech.screening.model import ScreeningModel
from critech_labels import Taxonomy
from critech_labels.taxonomy import label_order, parse_taxonomy

FORMAT = 2
MANIFEST = "manifest.json"
ENCODER = "encoder.onnx"
TOKENIZER = "tokenizer.json"
ARRAYS = "arrays.npz"
LABELS = "labels.json"
METRICS = "metrics.json"
MODEL_CARD = "MODEL_CARD.md"
REQUIRED = (ENCODER, TOKENIZER, ARRAYS, LABELS, METRICS, MODEL_CARD)
EXAMPLES = "examples.npz"
SCREENING = "screening.json"
OPTIONAL = (EXAMPLES, SCREENING)
SCORED = (ENCODER, TOKENIZER, ARRAYS, LABELS)
ARRAY_NAMES = (
    "center", "dense", "lexical", "intercept", "lexical_keys", "lexical_idf", "slope", "offset",
    "fitted", "assigned", "possible",
)  # fmt: skip
ARRAYS_SINCE = {"coverage_floor": 2}


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory. ``labels`` are label ids in the order of all label arrays;
    the two ``_bytes`` are files as read, empty in a bundle whose encoder is loaded;
    ``coverage_floor`` [2] is the lowest lexical coverage, per language row, of a text that is like
    the training texts (0: no such limit)."""

    name: str
    version: str
    digest: str
    manifest: Mapping[str, Any]
    labels: tuple[str, ...]
    taxonomies: tuple[Taxonomy, ...]
    encoder_config: EncoderConfig
    encoder_bytes: bytes
    tokenizer_bytes: bytes
    heads: Heads
    calibration: Calibration
    thresholds: Thresholds
    coverage_floor: npt.NDArray[np.float32]
    metrics: Mapping[str, Any]
    examples: ExampleIndex | None = None
    screening: ScreeningModel | None = None

    @property
    def model_digest(self) -> str:
        """SHA-256 over the checksums of the files that scores depend on, as ``sha256:<hex>``."""
        listed = self.manifest["files"]
        parts = "\n".join(f"{name} {listed[name]['sha256']}" for name in SCORED)
        return "sha256:" + hashlib.sha256(parts.encode()).hexdigest()


def default_path() -> Path:
    """Return the folder of the default bundle: inside the installed package, or in the checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "bundles" / "default"
    return installed if installed.is_dir() else here.parent / "bundles" / "default"


def read_bundle(path: Path | None = None) -> Bundle:
    """Return the bundle in a folder, the default one when none is named.

    Raise BundleError, naming the part, what was expected and what was found, when the folder or a
    file is missing, a checksum differs, the format is newer, or label orders disagree.
    """
    folder = path or default_path()
    manifest = _read_manifest(folder)
    listed = manifest["files"] if isinstance(manifest["files"], dict) else {}
    named = [*REQUIRED, *(name for name in OPTIONAL if name in listed)]
    files = {name: _read_checked(folder, name, manifest) for name in named}
    try:
        return _assemble(manifest, files)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise BundleError("content", "cannot be read", "a bundle's content", found) from None


def _assemble(manifest: dict[str, Any], files: Mapping[str, bytes]) -> Bundle:
    arrays = _read_arrays(files[ARRAYS], int(manifest["format"]))
    snapshot = json.loads(files[LABELS])
    taxonomies = tuple(parse_taxonomy(raw) for raw in snapshot["taxonomies"])
    labels = tuple(manifest["labels"])
    _check_label_order(labels, taxonomies, arrays)
    return Bundle(
        name=manifest["name"],
        version=manifest["version"],
        digest=manifest["digest"],
        manifest=manifest,
        labels=labels,
        taxonomies=taxonomies,
        encoder_config=EncoderConfig(**manifest["encoder"]),
        encoder_bytes=files[ENCODER],
        tokenizer_bytes=files[TOKENIZER],
        heads=Heads(
            center=arrays["center"],
            scale=float(manifest["heads"]["scale"]),
            dense=arrays["dense"],
            lexical=arrays["lexical"].astype(np.float32),
            intercept=arrays["intercept"],
            vocabulary=LexicalVocabulary(arrays["lexical_keys"], arrays["lexical_idf"]),
        ),
        calibration=Calibration(arrays["slope"], arrays["offset"], arrays["fitted"]),
        thresholds=Thresholds(arrays["assigned"], arrays["possible"]),
        coverage_floor=arrays["coverage_floor"],
        metrics=json.loads(files[METRICS]),
        examples=_read_examples(files.get(EXAMPLES), len(labels)),
        screening=(
            ScreeningModel.from_dict(json.loads(files[SCREENING])) if SCREENING in files else None
        ),
    )


def _read_examples(data: bytes | None, n_labels: int) -> ExampleIndex | None:
    if data is None:
        return None
    found = ExampleIndex.from_bytes(data)
    if len(found.members) != n_labels:
        raise BundleError(EXAMPLES, "has another number of labels", n_labels, len(found.members))
    return found


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError:
        raise BundleError(MANIFEST, "cannot be read", f"a file in {folder}", "none") from None
    try:
        manifest: dict[str, Any] = json.loads(data)
        found = manifest["format"]
    except (ValueError, KeyError, TypeError):
        raise BundleError(MANIFEST, "is not a manifest", "JSON with a format", "other") from None
    if not isinstance(found, int) or found > FORMAT or found < 1:
        raise BundleError("format", "is not supported", f"1 to {FORMAT}", found)
    absent = {"digest", "name", "version", "labels", "files", "encoder", "heads"} - manifest.keys()
    if absent:
        raise BundleError(MANIFEST, "lacks fields", sorted(absent), "none")
    expected = manifest_digest(manifest)
    if manifest["digest"] != expected:
        raise BundleError(MANIFEST, "has another digest", manifest["digest"], expected)
    return manifest


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the manifest without its own digest, as ``sha256:<hex>``. Since the
    manifest holds the checksum of every file, this identifies the bundle."""
    content = {key: value for key, value in manifest.items() if key != "digest"}
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _read_checked(folder: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    listed = manifest["files"]
    expected = listed[name].get("sha256") if isinstance(listed, dict) and name in listed else None
    if expected is None:
        raise BundleError(name, "is not in the manifest", "a SHA-256", "none")
    try:
        data = (folder / name).read_bytes()
    except OSError:
        raise BundleError(name, "is missing", expected, "no file") from None
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise BundleError(name, "has another SHA-256", expected, found)
    return data


def _read_arrays(data: bytes, format_: int) -> dict[str, npt.NDArray[Any]]:
    later = [name for name, since in ARRAYS_SINCE.items() if format_ >= since]
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        for name in (*ARRAY_NAMES, *later, "labels"):
            if name not in archive:
                raise BundleError(ARRAYS, "lacks an array", name, sorted(archive.files))
        found = {name: archive[name] for name in archive.files}
    return {"coverage_floor": np.zeros(2, dtype=np.float32), **found}


def _check_label_order(
    labels: tuple[str, ...],
    taxonomies: tuple[Taxonomy, ...],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Compare the manifest's label order with the snapshot's and with that of the arrays."""
    orders = {
        LABELS: list(label_order(taxonomies)),
        ARRAYS: [str(label) for label in arrays["labels"]],
    }
    for name, order in orders.items():
        if len(order) != len(labels):
            raise BundleError(name, "has another number of labels", len(labels), len(order))
        for i, (expected, found) in enumerate(zip(labels, order, strict=True)):
            if expected != found:
                raise BundleError(name, f"has another label at position {i}", expected, found)
    _check_shapes(len(labels), arrays)


def _check_shapes(n_labels: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    hidden, n_features = arrays["center"].size, arrays["lexical_keys"].size
    shapes = {
        "center": (hidden,),
        "dense": (n_labels, hidden),
        "lexical": (n_features, n_labels),
        "intercept": (n_labels,),
        "lexical_keys": (n_features,),
        "lexical_idf": (n_features,),
        "coverage_floor": (2,),
        **dict.fromkeys(("slope", "offset", "fitted", "assigned", "possible"), (2, n_labels)),
    }
    for name, expected in shapes.items():
        if arrays[name].shape != expected:
            raise BundleError(ARRAYS, f"{name} has another shape", expected, arrays[name].shape)


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
        "format": FORMAT,
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
    manifest = _read_manifest(path)
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
