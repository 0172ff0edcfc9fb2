"""How the memory that a run may take is shared out."""

from __future__ import annotations

from dataclasses import dataclass

from critech.batch.records import Record

MEGABYTE = 1_000_000
LEAST_MB = 64
_ROW_BYTES = 40_000  # a row with its labels as Python objects, and what goes with a record
_CHAR_BYTES = 4


@dataclass(frozen=True)
class Budget:
    """Bytes for records and rows under way, for rows kept for repeated texts, and for the rows of
    the shard that is being filled. The bundle and the interpreter come on top."""

    under_way: int
    repeated: int
    shard: int

    @classmethod
    def of(cls, megabytes: int) -> Budget:
        """Return the budget for so many megabytes in all."""
        whole = megabytes * MEGABYTE
        return cls(whole // 2, whole // 16, whole // 4)


def record_bytes(record: Record) -> int:
    """Return about how many bytes a record takes until its row is written."""
    texts = (record.text, record.title, record.claims, record.description)
    return _ROW_BYTES + _CHAR_BYTES * sum(len(text) for text in texts if text)
