"""critech: which government-listed critical technologies a text falls under, and how surely."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# onnxruntime 1.29 and later report their use to a collector on the internet and keep a device id in
# the home folder, unless this is set before they are loaded. Nothing may overrule it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from critech.classifier import Classifier
    from critech.results import Classification, Document, DocumentResult

__all__ = ["Classification", "Classifier", "Document", "DocumentResult", "__version__"]

_HOMES = {
    "Classifier": "critech.classifier",
    "Classification": "critech.results",
    "Document": "critech.results",
    "DocumentResult": "critech.results",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that ``critech --help`` stays instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'critech' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
