"""JSON lines: one object on each line, UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from critech.batch.reading.fields import BadRecordError, to_record
from critech.batch.reading.limits import Limits
from critech.batch.reading.lines import Line, lines
from critech.batch.reading.mapping import FieldMapping, no_such_column, resolve, unseen
from critech.batch.reading.plan import PlannedSource, Tell
from critech.batch.reading.streams import StreamError
from critech.batch.records import Position, Record, Rejected
from critech.errors import InputError

HEAD_LINES = 100
HEAD_BYTES = 1_000_000


class NoRecordError(InputError):
    """None of the lines that were looked at can become a record."""


@dataclass(frozen=True)
class Head:
    """The lines that the columns are judged by. ``fault``: why they break off."""

    lines: list[Line]
    fault: StreamError | None = None


def columns(head: Head, limits: Limits) -> list[str] | None:
    """Return the keys of the first lines' objects, in the order met; None without any object."""
    objects = _objects(head, limits)
    return list(dict.fromkeys(chain.from_iterable(objects))) if objects else None


def _objects(head: Head, limits: Limits) -> list[list[str]]:
    """Return the keys of each line that is an object."""
    found = []
    for line in head.lines:
        try:
            found.append(list(parse(line, limits)))
        except BadRecordError:
            continue
    return found


def look(head: Head, source: str, mapping: FieldMapping, limits: Limits) -> PlannedSource:
    """Return what the first lines show. Raises NoRecordError where none of them is an object, for
    an array over several lines, and where none has the column given for the text; InputError where
    the columns that are there are not enough; StreamError for lines that break off before they
    are."""
    found = columns(head, limits)
    problem = _problem(head, found, mapping, limits)
    if found is None or problem:
        raise head.fault or NoRecordError(source, problem)
    late = unseen(mapping, found)
    notes = (f"not in {_first(head)}: {late}",) if late else ()
    resolved = _resolved(head, found, mapping, source)
    return PlannedSource(source, ("jsonl",), resolved, tuple(found), notes=notes)


def _problem(head: Head, found: list[str] | None, mapping: FieldMapping, limits: Limits) -> str:
    """Return why nothing can be made of lines such as these, empty where something can."""
    if found is None:
        return f"no JSON object in {_first(head)}; expected one on each line"
    if _opens_array(head.lines[0], limits) and len(_objects(head, limits)) == 1:
        # the last row, which has no comma behind it
        return "a JSON array; expected an object on each line"
    if mapping.text and mapping.text not in found:
        return no_such_column("text", found)
    return ""


def _first(head: Head) -> str:
    return f"the first {len(head.lines)} lines" if len(head.lines) > 1 else "the first line"


def _opens_array(line: Line, limits: Limits) -> bool:
    """Return whether an array begins on the line and goes on behind it."""
    try:
        parse(line, limits)
    except BadRecordError as error:
        return error.reason == "not_json" and line.content.startswith(b"[")
    return False


def read_jsonl(
    stream: BinaryIO,
    source: str,
    mapping: FieldMapping,
    limits: Limits,
    tell: Tell | None = None,
    *,
    judge: bool = False,
) -> Iterator[Record | Rejected]:
    """Yield one record or rejection for each line that is not blank. Raises InputError where the
    first objects have no column for the text, StreamError where the stream breaks off, and with
    ``judge``, for what nobody has looked at before, NoRecordError as ``look`` does. ``tell`` is
    called with what the first lines show, if they show anything."""
    numbered = lines(stream, limits.record_bytes)
    head = take_head(numbered)
    if head.lines and (judge or tell is not None):
        shown = _looked_at(head, source, mapping, limits, judge=judge)
        if tell is not None and shown is not None:
            tell(shown)
    start = 0
    while head.lines and (found := columns(head, limits)) is None:
        yield from _records(head.lines, start, {}, source, limits)
        if head.fault is not None:
            raise head.fault
        start += len(head.lines)
        head = take_head(numbered)
    if head.lines and found is not None:
        fields = _fields(head, found, mapping, source, start)
        yield from _records(chain(head.lines, numbered), start, fields, source, limits)
    if head.fault is not None:
        raise head.fault


def _looked_at(
    head: Head, source: str, mapping: FieldMapping, limits: Limits, *, judge: bool
) -> PlannedSource | None:
    """Return what the first lines show. Where none of them can become a record, raises as ``look``
    does with ``judge``, and returns None without."""
    try:
        return look(head, source, mapping, limits)
    except (NoRecordError, StreamError):
        if judge:
            raise
        return None


def _fields(
    head: Head, found: list[str], mapping: FieldMapping, source: str, start: int
) -> dict[str, str]:
    """Return the column of each field. What comes first behind lines without an object, nobody has
    looked at: if it lacks columns, that costs the rest of this source."""
    try:
        return _resolved(head, found, mapping, source).columns()
    except InputError as error:
        if start:
            raise StreamError("no_text", f"source: {error.problem}") from None
        raise


def _resolved(head: Head, found: list[str], mapping: FieldMapping, source: str) -> FieldMapping:
    """Return the mapping with its guesses. An object may lack any key, and a head that is cut off
    any column: that is its fault, not that of the mapping."""
    try:
        return resolve(mapping, found, source, all_found=False)
    except InputError:
        if head.fault is not None:
            raise head.fault from None
        raise


def _records(
    numbered: Iterable[Line], start: int, fields: dict[str, str], source: str, limits: Limits
) -> Iterator[Record | Rejected]:
    for record, line in enumerate(numbered, start):
        position = Position(source, record, line.number)
        try:
            row = parse(line, limits)
        except BadRecordError as error:
            yield Rejected(position, error.reason, error.message)
            continue
        yield to_record(
            {field: row.get(column) for field, column in fields.items()}, position, limits
        )


def take_head(numbered: Iterator[Line]) -> Head:
    """Return the lines that the columns are judged by."""
    head: list[Line] = []
    size = 0
    try:
        for line in numbered:
            head.append(line)
            size += len(line.content)
            if len(head) >= HEAD_LINES or size >= HEAD_BYTES:
                return Head(head)
    except StreamError as fault:
        return Head(head, fault=fault)
    return Head(head)


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
