"""The two calls: what will be read, and the reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from critech.batch.reading.jsonl import columns, read_jsonl, take_head
from critech.batch.reading.limits import DEFAULT_LIMITS, Limits
from critech.batch.reading.lines import lines
from critech.batch.reading.mapping import FieldMapping, resolve
from critech.batch.reading.plan import Format, Plan, PlannedSource
from critech.batch.records import Record, Rejected
from critech.errors import InputError


def plan(
    inputs: Sequence[str],
    mapping: FieldMapping | None = None,
    limits: Limits = DEFAULT_LIMITS,
    stdin: BinaryIO | None = None,
    *,
    format: Format | None = None,
    encoding: str | None = None,
) -> Plan:
    """Return the inputs in reading order with their formats and columns."""
    found = []
    for name in inputs:
        if not Path(name).is_file():
            raise InputError(name, "no such file")
        with Path(name).open("rb") as stream:
            head = columns(take_head(lines(stream, limits.record_bytes)), limits)
        fields = resolve(mapping or FieldMapping(), head, name)
        found.append(PlannedSource(name, ("jsonl",), fields, tuple(head)))
    return Plan(tuple(found))


def read(
    inputs: Sequence[str],
    mapping: FieldMapping | None = None,
    limits: Limits = DEFAULT_LIMITS,
    stdin: BinaryIO | None = None,
    *,
    format: Format | None = None,
    encoding: str | None = None,
) -> Iterator[Record | Rejected]:
    """Yield the records of the inputs in order."""
    for name in inputs:
        with Path(name).open("rb") as stream:
            yield from read_jsonl(stream, name, mapping or FieldMapping(), limits)
