"""The YAML files that the package carries."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml


def data_dir() -> Traversable:
    """Return the folder of the data files."""
    return resources.files("critech_labels") / "data"


def read_yaml(*parts: str) -> dict[str, Any]:
    """Return the mapping in a data file, named by folders and file name."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = data_dir().joinpath(*parts).read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=loader)
    return found
