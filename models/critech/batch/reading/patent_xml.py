"""Patent documents in XML: one in a file, or many behind each other."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader

from critech.batch.reading.fields import BadRecordError, to_record
from critech.batch.reading.limits import Limits
from critech.batch.reading.patents import row_of
from critech.batch.reading.xml_parse import parse_document
from critech.batch.reading.xml_split import XmlDocument, split
from critech.batch.records import Position, Record, Rejected


def read_patents(
    stream: BufferedReader, source: str, limits: Limits, unread: frozenset[str] = frozenset()
) -> Iterator[Record | Rejected]:
    """Yield a record or rejection for each document, without the fields that are ``unread``.
    Positions count what stands among documents without being one, such as a sequence listing,
    which is passed over."""
    for record, document in enumerate(split(stream, limits.document_bytes)):
        position = Position(source, record, document.line)
        result = _read_document(document, position, limits, unread)
        if result is not None:
            yield result


def _read_document(
    document: XmlDocument, position: Position, limits: Limits, unread: frozenset[str]
) -> Record | Rejected | None:
    try:
        if document.content is None:
            most = limits.document_bytes
            raise BadRecordError("too_large", f"document: larger than {most} bytes")
        row = row_of(parse_document(document.content), unread)
    except BadRecordError as error:
        return Rejected(position, error.reason, error.message)
    return None if row is None else to_record(row, position, limits)
