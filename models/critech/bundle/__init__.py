"""Bundles: a folder of plain files with a manifest, checked before anything is loaded."""

from critech.bundle.manifest import (
    ARRAYS,
    ENCODER,
    EXAMPLES,
    FORMAT,
    LABELS,
    MANIFEST,
    METRICS,
    MODEL_CARD,
    OPTIONAL,
    REQUIRED,
    SCREENING,
    STUDENT,
    TOKENIZER,
    manifest_digest,
)
from critech.bundle.reading import Bundle, default_path, read_bundle
from critech.bundle.writing import BundleContent, write_bundle, write_screening, write_student

__all__ = [
    "ARRAYS",
    "ENCODER",
    "EXAMPLES",
    "FORMAT",
    "LABELS",
    "MANIFEST",
    "METRICS",
    "MODEL_CARD",
    "OPTIONAL",
    "REQUIRED",
    "SCREENING",
    "STUDENT",
    "TOKENIZER",
    "Bundle",
    "BundleContent",
    "default_path",
    "manifest_digest",
    "read_bundle",
    "write_bundle",
    "write_screening",
    "write_student",
]
