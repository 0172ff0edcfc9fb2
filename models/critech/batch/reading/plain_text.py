"""Plain text: one file, one document."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader

from critech.batch.reading.encodings import encoding_of
from critech.batch.reading.fields import BadRecordError, to_record
from critech.batch.reading.limits import Limits
from critech.batch.records import Position, Record, Rejected


def read_text(
    stream: BufferedReader, source: str, name: str, limits: Limits, encoding: str | None
) -> Iterator[Record | Rejected]:
    """Yield the record, or the rejection, that the file is. ``name`` becomes its id."""
    position = Position(source, 0, 1)
    data = stream.read(limits.document_bytes + 1)
    if len(data) > limits.document_bytes:
        message = f"document: larger than {limits.document_bytes} bytes"
        yield Rejected(position, "too_large", message, name[: limits.id_chars])
        return
    try:
        text = data.decode(encoding_of(data, encoding).codec)
    except (BadRecordError, UnicodeDecodeError):
        message = "document: not UTF-8, or not in the encoding given"
        yield Rejected(position, "bad_encoding", message, name[: limits.id_chars])
        return
    yield to_record({"id": name, "text": text}, position, limits)
