"""Rows of texts met before, in a cache of bounded size."""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from dataclasses import replace

from critech.batch.records import Record, Rejected
from critech.batch.rows import Row, plain

_ENTRY_BYTES = 200
_FASTEST = 1


class KnownRows:
    """The rows met last, as packed JSON, at most ``limit`` bytes of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._rows: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, key: bytes) -> Row | None:
        """Return the row kept under a key."""
        data = self._rows.get(key)
        if data is None:
            return None
        self._rows.move_to_end(key)
        row: Row = json.loads(zlib.decompress(data))
        return row

    def put(self, key: bytes, row: Row) -> None:
        """Keep a row, and let go of those not met for longest."""
        if key in self._rows:
            return
        data = zlib.compress(json.dumps(row, separators=(",", ":")).encode(), _FASTEST)
        self._rows[key] = data
        self._size += len(data) + _ENTRY_BYTES
        while self._size > self._limit:
            _, old = self._rows.popitem(last=False)
            self._size -= len(old) + _ENTRY_BYTES


def moved(outcome: Row | Rejected, record: Record) -> Row | Rejected:
    """Return what a record gives whose text gave ``outcome`` elsewhere."""
    if isinstance(outcome, Rejected):
        return replace(outcome, position=record.position, id=record.id)
    source, number = plain(record.position.source), record.position.record
    return {**outcome, "source": source, "record": number, "id": plain(record.id)}
