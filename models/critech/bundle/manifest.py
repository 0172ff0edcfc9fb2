"""The manifest of a bundle: which files it has, their checksums, and the digest over all of it.

``FORMAT`` is raised when an older critech could misread a newer bundle: a file is added that must
not be ignored, a field changes its meaning, or features are computed differently. A bundle with a
higher number than this is refused. Format 2 added ``coverage_floor``; a bundle of format 1 is read
as one without an out-of-distribution signal. Format 3 added ``companion_share`` and the flags of
``any_field.npz`` and ``any_technology.npz``; before it each label was ``possible`` by its own score
alone. A bundle that its own training refused has the number
0, which every critech refuses, and its real one as ``rejected``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from critech.digest import digest
from critech.errors import BundleError
from critech.plain_data import read_json

FORMAT = 3
REJECTED = 0
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
ANY_FIELD = "any_field.npz"
ANY_TECHNOLOGY = "any_technology.npz"
STUDENT = "student.onnx"
OPTIONAL = (EXAMPLES, SCREENING, ANY_FIELD, ANY_TECHNOLOGY, STUDENT)
SCORED = (ENCODER, TOKENIZER, ARRAYS, LABELS)
SIGNATURE = MANIFEST + ".minisig"
MAX_BYTES = 10_000_000
MAX_NAME = 100
FIELDS = frozenset(("digest", "name", "version", "labels", "files", "encoder", "heads"))


def read_manifest_bytes(folder: Path) -> bytes:
    """Return the bytes of a bundle's manifest; BundleError when there are none, or too many."""
    path = folder / MANIFEST
    try:
        data = _head(path) if path.is_file() else None
    except OSError:
        data = None
    if data is None:
        raise BundleError(MANIFEST, "cannot be read", f"a file in {folder}", "none")
    if len(data) > MAX_BYTES:
        raise BundleError(MANIFEST, "is too large", f"at most {MAX_BYTES} bytes", "more")
    return data


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def parse_manifest(data: bytes, accept_rejected: bool = False) -> dict[str, Any]:
    """Return a manifest. Raise BundleError when it is none, is of a newer format, lacks a field,
    has another digest than its own, or is that of a bundle that its training refused and none such
    is accepted."""
    try:
        manifest: dict[str, Any] = read_json(data)
        found = manifest["format"]
        expected = manifest_digest(manifest)
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError):
        raise BundleError(MANIFEST, "is not a manifest", "JSON with a format", "other") from None
    if found == REJECTED:
        if not accept_rejected:
            raise BundleError("format", "is that of a rejected bundle", f"1 to {FORMAT}", found)
        found = manifest.get("rejected")
    if type(found) is not int or not 1 <= found <= FORMAT:
        raise BundleError("format", "is not supported", f"1 to {FORMAT}", found)
    absent = FIELDS - manifest.keys()
    if absent:
        raise BundleError(MANIFEST, "lacks fields", sorted(absent), "none")
    if manifest["digest"] != expected:
        raise BundleError(MANIFEST, "has another digest", manifest["digest"], expected)
    for name in ("name", "version"):
        value = manifest[name]
        if not (isinstance(value, str) and value.isprintable() and 0 < len(value) <= MAX_NAME):
            raise BundleError(MANIFEST, f"{name} is no name", f"1 to {MAX_NAME} characters", value)
    return {**manifest, "format": found}


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the manifest without its own digest, as ``sha256:<hex>``. Since the
    manifest holds the checksum of every file, this identifies the bundle."""
    content = {key: value for key, value in manifest.items() if key != "digest"}
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return digest(canonical.encode())


def listed_files(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what the manifest says of each file, by name; what is no such thing is left out."""
    files = manifest["files"]
    if not isinstance(files, dict):
        return {}
    return {name: entry for name, entry in files.items() if isinstance(entry, dict)}
