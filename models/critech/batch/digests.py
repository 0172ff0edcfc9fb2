"""Digests of what is read: of an item as a whole, and of what its row depends on."""

from __future__ import annotations

import hashlib
import json

from critech.batch.records import Record, Rejected
from critech.text import compose_document, is_readable

_ENCODER = json.JSONEncoder(separators=(",", ":"), default=str)


class InputDigest:
    """The digest of a range of input items, in order."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, item: Record | Rejected) -> None:
        """Take one item in."""
        parts = {**vars(item), "position": list(vars(item.position).values())}
        self._sha.update(_json([type(item).__name__, *parts.values()]))

    def hex(self) -> str:
        """Return the digest of what was taken in so far."""
        return self._sha.hexdigest()


def row_key(record: Record, screen: bool) -> bytes:
    """Return a digest that two records share when their rows differ in position and id alone:
    of title and text as they are read, whether the text alone is empty, which rejects it, and the
    language, and for screening of all that is weighed."""
    parts: list[object] = [compose_document(record.title, record.text)]
    parts += [is_readable(record.text), record.language]
    if screen:
        parts += [record.title, record.text, record.claims, record.description]
        parts += [record.ipc, record.filing_date]
    return hashlib.blake2b(_json(parts), digest_size=16).digest()


def _json(parts: list[object]) -> bytes:
    return _ENCODER.encode(parts).encode() + b"\n"
