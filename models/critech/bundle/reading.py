"""Reading a bundle: every byte is checked before anything is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from critech.bundle.arrays import check_label_order, companions_of, read_arrays
from critech.bundle.manifest import (
    ANY_FIELD,
    ANY_TECHNOLOGY,
    ARRAYS,
    ENCODER,
    EXAMPLES,
    LABELS,
    METRICS,
    MODEL_CARD,
    OPTIONAL,
    REQUIRED,
    SCORED,
    SCREENING,
    STUDENT,
    TOKENIZER,
    listed_files,
    parse_manifest,
    read_manifest_bytes,
)
from critech.bundle.pointer import current_folder
from critech.decision import Thresholds
from critech.digest import digest
from critech.encoder import EncoderConfig
from critech.errors import BundleError
from critech.examples import ExampleIndex
from critech.heads import Calibration, Heads
from critech.lexical import LexicalVocabulary
from critech.plain_data import read_json
from critech.screening.any_field import AnyField
from critech.screening.model import ScreeningModel
from critech_labels import Taxonomy
from critech_labels.matcher import SECRET_PATENTS
from critech_labels.taxonomy import parse_taxonomy

if TYPE_CHECKING:
    from critech.bundle.signature import TrustedKey


K_PROGRAM = "jp-kprogram-50"
JOINT = {SECRET_PATENTS: ANY_FIELD, K_PROGRAM: ANY_TECHNOLOGY}
MAX_SETTING = 1 << 20
MAX_PREFIX = 100
MAX_FOUND = 300


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory. ``labels`` are label ids in the order of all label arrays;
    the two ``_bytes`` are files as read, empty in a bundle whose encoder is loaded; ``folder`` is
    where it was read from;
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
    any_field: AnyField | None = None
    any_technology: AnyField | None = None
    model_card: str = ""
    folder: Path | None = None

    @property
    def joint(self) -> dict[str, AnyField]:
        """What tells texts of a taxonomy by all of its labels together, by taxonomy."""
        found = {SECRET_PATENTS: self.any_field, K_PROGRAM: self.any_technology}
        return {name: one for name, one in found.items() if one is not None}

    @property
    def model_digest(self) -> str:
        """SHA-256 over the checksums of the files that scores and decisions depend on, as
        ``sha256:<hex>``."""
        listed = self.manifest["files"]
        flags = [JOINT[name] for name, one in self.joint.items() if one.flags is not None]
        names = (*SCORED, *flags)
        parts = "\n".join(f"{name} {listed[name]['sha256']}" for name in names)
        return digest(parts.encode())

    @property
    def tiers_digest(self) -> str:
        """``model_digest``, and with a student the SHA-256 over both: what is asked before the full
        model depends on them."""
        student = listed_files(self.manifest).get(STUDENT)
        if student is None:
            return self.model_digest
        return digest(f"{self.model_digest} {student['sha256']}".encode())


def default_path() -> Path:
    """Return the folder of the default bundle: inside the installed package, or in the checkout."""
    here = Path(__file__).resolve().parents[1]
    installed = here / "bundles" / "default"
    return installed if installed.is_dir() else here.parent / "bundles" / "default"


def locate(path: Path | None = None) -> Path:
    """Return the folder of a bundle, links followed: the one named, the current one of a bundles
    directory, or the default one. A folder is located once and read under that name, so that a
    switch in between gives no mixture."""
    return current_folder(path or default_path()).resolve()


def read_bundle(
    path: Path | None = None, key: TrustedKey | None = None, accept_rejected: bool = False
) -> Bundle:
    """Return the bundle in a folder, or the current one of a bundles directory; the default one
    when none is named. With a key, the bundle must be signed by it. One that its training refused
    is read only with ``accept_rejected``, to look into why.

    Raise BundleError, naming the part, what was expected and what was found, when the folder or a
    file is missing, a checksum differs, the format is newer, label orders disagree, or the
    signature is missing or another's.
    """
    folder = locate(path)
    data = read_manifest_bytes(folder)
    if key is not None:
        key.check(folder, data)
    manifest = parse_manifest(data, accept_rejected)
    listed = listed_files(manifest)
    named = [*REQUIRED, *(name for name in OPTIONAL if name in listed)]
    files = {name: read_checked(folder, name, listed) for name in named}
    try:
        return replace(_assemble(manifest, files), folder=folder)
    except BundleError:
        raise
    except Exception as error:  # whatever the parsers of four formats raise at hostile content
        found = f"{type(error).__name__}: {error}"[:MAX_FOUND]
        raise BundleError("content", "cannot be read", "a bundle's content", found) from None


def _assemble(manifest: dict[str, Any], files: Mapping[str, bytes]) -> Bundle:
    arrays = read_arrays(files[ARRAYS], int(manifest["format"]))
    snapshot = read_json(files[LABELS])
    taxonomies = tuple(parse_taxonomy(raw) for raw in snapshot["taxonomies"])
    labels = tuple(manifest["labels"])
    check_label_order(labels, taxonomies, arrays)
    sizes = arrays["center"].size, arrays["lexical_keys"].size
    joint = {
        name: AnyField.from_bytes(files[name], *sizes) if name in files else None
        for name in JOINT.values()
    }
    any_field = joint[ANY_FIELD]
    if any_field is not None and not any_field.cutoffs:
        raise BundleError(ANY_FIELD, "lacks cut-offs", "one for each language", "none")
    return Bundle(
        name=manifest["name"],
        version=manifest["version"],
        digest=manifest["digest"],
        manifest=manifest,
        labels=labels,
        taxonomies=taxonomies,
        encoder_config=_encoder_config(manifest["encoder"], arrays["center"].size),
        encoder_bytes=files[ENCODER],
        tokenizer_bytes=files[TOKENIZER],
        heads=Heads(
            center=arrays["center"],
            scale=_scale(manifest["heads"]["scale"]),
            dense=arrays["dense"],
            lexical=arrays["lexical"].astype(np.float32),
            intercept=arrays["intercept"],
            vocabulary=LexicalVocabulary(arrays["lexical_keys"], arrays["lexical_idf"]),
        ),
        calibration=Calibration(arrays["slope"], arrays["offset"], arrays["fitted"]),
        thresholds=Thresholds(
            arrays["assigned"],
            arrays["possible"],
            companions_of(labels, arrays["companion_share"]),
        ),
        coverage_floor=arrays["coverage_floor"],
        metrics=read_json(files[METRICS]),
        examples=_read_examples(files.get(EXAMPLES), len(labels), arrays["center"].size),
        screening=(
            ScreeningModel.from_dict(read_json(files[SCREENING])) if SCREENING in files else None
        ),
        any_field=any_field,
        any_technology=joint[ANY_TECHNOLOGY],
        model_card=files[MODEL_CARD].decode("utf-8", "replace"),
    )


def _encoder_config(raw: Mapping[str, Any], dimension: int) -> EncoderConfig:
    config = EncoderConfig(**raw)
    numbers = {name: value for name, value in raw.items() if name != "prefix"}
    for name, value in numbers.items():
        if type(value) is not int or not 0 <= value <= MAX_SETTING:
            raise BundleError(f"encoder {name}", "is unusable", f"0 to {MAX_SETTING}", "other")
    if not isinstance(config.prefix, str) or len(config.prefix) > MAX_PREFIX:
        raise BundleError("encoder prefix", "is unusable", "a short text", "other")
    if config.dimension != dimension:
        raise BundleError("encoder dimension", "differs", dimension, config.dimension)
    return config


def _scale(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value <= MAX_SETTING:
        raise BundleError("heads scale", "is unusable", f"0 to {MAX_SETTING}", "other")
    return float(value)


def _read_examples(data: bytes | None, n_labels: int, dimension: int) -> ExampleIndex | None:
    if data is None:
        return None
    found = ExampleIndex.from_bytes(data)
    if len(found.members) != n_labels:
        raise BundleError(EXAMPLES, "has another number of labels", n_labels, len(found.members))
    if found.vectors.shape[1] != dimension:
        raise BundleError(EXAMPLES, "has other vectors", dimension, found.vectors.shape[1])
    return found


def read_checked(folder: Path, name: str, listed: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return a file of a bundle; BundleError unless it is there and has its listed checksum."""
    expected = listed.get(name, {}).get("sha256")
    if expected is None:
        raise BundleError(name, "is not in the manifest", "a SHA-256", "none")
    try:
        data = (folder / name).read_bytes() if (folder / name).is_file() else None
    except OSError:
        data = None
    if data is None:
        raise BundleError(name, "is missing", expected, "no file")
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise BundleError(name, "has another SHA-256", expected, found)
    return data


def read_file(bundle: Bundle, name: str) -> bytes:
    """Return a file of a bundle that was read from a folder, again. Raise BundleError when it is
    not what it was."""
    if bundle.folder is None:
        raise BundleError(name, "cannot be read", "a bundle in a folder", "none")
    return read_checked(bundle.folder, name, listed_files(bundle.manifest))
