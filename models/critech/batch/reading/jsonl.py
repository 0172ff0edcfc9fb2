"""JSON lines: one object on each line, UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from critech.batch.reading.fields import BadRecordError, to_record
from critech.batch.reading.limits import Limits
from critech.batch.reading.lines import Line, lines
from critech.batch.reading.mapping import FieldMapping, resolve
from critech.batch.reading.streams import StreamError
from critech.batch.records import Position, Record, Rejected
from critech.errors import InputError

HEAD_LINES = 100
HEAD_BYTES = 1_000_000


def columns(head: list[Line], limits: Limits) -> list[str]:
    """Return the keys of the first lines' objects, in the order met."""
    found: dict[str, None] = {}
    for line in head:
        try:
            found |= dict.fromkeys(parse(line, limits))
        except BadRecordError:
            continue
    return list(found)


def read_jsonl(
    stream: BinaryIO, source: str, mapping: FieldMapping, limits: Limits
) -> Iterator[Record | Rejected]:
    """Yield one record or rejection for each line that is not blank. Raises InputError where the
    first lines have no column for the text, StreamError where the stream breaks off."""
    numbered = lines(stream, limits.record_bytes)
    head, fault = take_head(numbered)
    if head:
        fields = _fields(head, fault, mapping, source, limits)
        yield from _records(chain(head, numbered), fields, source, limits)
    if fault is not None:
        raise fault


def _fields(
    head: list[Line],
    fault: StreamError | None,
    mapping: FieldMapping,
    source: str,
    limits: Limits,
) -> dict[str, str]:
    """Return the column of each field. A head that is cut off may lack columns: that is its
    fault, not that of the mapping."""
    try:
        return resolve(mapping, columns(head, limits), source).columns()
    except InputError:
        if fault is not None:
            raise fault from None
        raise


def _records(
    numbered: Iterable[Line], fields: dict[str, str], source: str, limits: Limits
) -> Iterator[Record | Rejected]:
    for record, line in enumerate(numbered):
        position = Position(source, record, line.number)
        try:
            row = parse(line, limits)
        except BadRecordError as error:
            yield Rejected(position, error.reason, error.message)
            continue
        yield to_record(
            {field: row.get(column) for field, column in fields.items()}, position, limits
        )


def take_head(numbered: Iterator[Line]) -> tuple[list[Line], StreamError | None]:
    """Return the lines that the columns are judged by, and the fault by which they break off."""
    head: list[Line] = []
    size = 0
    try:
        for line in numbered:
            head.append(line)
            size += len(line.content)
            if len(head) >= HEAD_LINES or size >= HEAD_BYTES:
                break
    except StreamError as fault:
        return head, fault
    return head, None


def parse(line: Line, limits: Limits) -> dict[str, object]:
    """Return the line's object. Raises BadRecordError for anything else."""
    if line.too_long:
        raise BadRecordError("too_large", f"line: longer than {limits.record_bytes} bytes")
    try:
        value = json.loads(line.content.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadRecordError("bad_encoding", "line: not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadRecordError("not_json", "line: not JSON") from None
    if not isinstance(value, dict):
        raise BadRecordError("not_an_object", "line: expected a JSON object")
    return value
