"""The one form in which digests are written."""

from __future__ import annotations

import hashlib


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes as ``sha256:<hex>``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
