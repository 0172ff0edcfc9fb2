"""A look at the head of each source: its format, and the columns that the mapping meets."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

from critech.batch.reading.delimited import header_of
from critech.batch.reading.formats import Format, format_of_head
from critech.batch.reading.inputs import Input
from critech.batch.reading.jsonl import columns, take_head
from critech.batch.reading.limits import Limits
from critech.batch.reading.lines import lines
from critech.batch.reading.mapping import FieldMapping, resolve
from critech.batch.reading.parquet import columns_of, open_parquet
from critech.batch.reading.plan import PlannedSource
from critech.batch.reading.sources import Source, sources
from critech.batch.reading.streams import HEAD, StreamError, faults_named, needed, unpacked
from critech.errors import InputError

UNKNOWN = "unknown format; give it with --format-in"
MAX_NOTES = 3
LATER = "columns are judged when reading starts"
LINKED = "links to folders are not followed"


@dataclass(frozen=True)
class Settings:
    """How sources are read: the same for all of them."""

    mapping: FieldMapping
    limits: Limits
    format: Format | None = None
    encoding: str | None = None


def planned(each: Input, settings: Settings) -> PlannedSource:
    """Return what will be read of an input. Raises InputError for an unknown format, and for a
    table without the columns that are needed."""
    if each.kind == "stdin":
        return _planned_stdin(each, settings)
    plan = PlannedSource(each.name, (), files=0)
    before = False
    for source in sources(each, settings.limits, settings.format):
        before |= source.before
        if source.skipped:
            notes = (*plan.notes, LINKED) if source.linked else plan.notes
            plan = replace(plan, skipped=plan.skipped + 1, notes=_few(notes))
            continue
        try:
            plan = _with(plan, _inspect(source, settings))
        except StreamError as fault:  # costs this source, and is said again when it is read
            note = f"{source.name}: {fault.message}"
            plan = replace(plan, notes=_few((*plan.notes, note)), files=plan.files + 1)
    if not plan.files and not before:
        why = f"; {LINKED}" if LINKED in plan.notes else ""
        raise InputError(each.name, f"holds no file of a known format{why}")
    return plan


def _few(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))[:MAX_NOTES]


def _planned_stdin(each: Input, settings: Settings) -> PlannedSource:
    peek = getattr(each.open(), "peek", None)
    found = settings.format or (format_of_head(peek(HEAD)) if peek is not None else None)
    return PlannedSource(each.name, (found,) if found else (), notes=(LATER,))


def _with(plan: PlannedSource, other: PlannedSource) -> PlannedSource:
    formats = plan.formats + tuple(each for each in other.formats if each not in plan.formats)
    first = plan.mapping is None
    return replace(
        plan,
        formats=formats,
        mapping=other.mapping if first else plan.mapping,
        columns=other.columns if first else plan.columns,
        files=plan.files + 1,
        notes=_few((*plan.notes, *other.notes)),
    )


def _inspect(source: Source, settings: Settings) -> PlannedSource:
    if source.fault is not None:
        raise source.fault
    if source.format == "xml":
        needed("lxml.etree", "patent XML")
    if source.format in ("text", "xml"):
        return PlannedSource(source.name, (source.format,))  # looked at when it is read
    with closing(faults_named(source.open)) as raw:
        return inspect_stream(raw, source, settings)


def inspect_stream(raw: BinaryIO, source: Source, settings: Settings) -> PlannedSource:
    """Return what the head of a stream shows."""
    if source.format == "parquet":
        return _table(source, "parquet", columns_of(open_parquet(raw)), settings)
    stream = unpacked(raw, settings.limits)
    format = told(source, stream)
    if format == "parquet":
        raw.seek(0)
        return _table(source, "parquet", columns_of(open_parquet(raw)), settings)
    head = stream.peek(HEAD)[:HEAD]
    if not head:
        return PlannedSource(source.name, (format,), notes=("empty",))
    if format == "jsonl":
        first, fault = take_head(lines(stream, settings.limits.record_bytes))
        if fault is not None:
            raise fault
        return _table(source, format, columns(first, settings.limits), settings)
    if format in ("csv", "tsv"):
        most = settings.limits.record_bytes
        header = header_of(head, source.name, format == "tsv", settings.encoding, most)
        plan = _table(source, format, list(header.columns), settings)
        return replace(plan, notes=(header.note,) if header.note else ())
    if format == "xml":
        needed("lxml.etree", "patent XML")
    return PlannedSource(source.name, (format,))


def told(source: Source, stream: io.BufferedReader) -> Format:
    """Return the format of a source, by its first bytes where its name does not say it. Raises
    InputError where they do not, either."""
    format = source.format or format_of_head(stream.peek(HEAD)[:HEAD])
    if format is None:
        raise InputError(source.name, UNKNOWN)
    return format


def _table(source: Source, format: Format, found: list[str], settings: Settings) -> PlannedSource:
    mapping = resolve(settings.mapping, found, source.name)
    return PlannedSource(source.name, (format,), mapping, tuple(found))
