"""A look at the head of each source: its format, and the columns that the mapping meets."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

from critech.batch.reading.delimited import header_of, look_at_header
from critech.batch.reading.formats import Format, format_of_head
from critech.batch.reading.inputs import Input
from critech.batch.reading.jsonl import NoRecordError, look, take_head
from critech.batch.reading.limits import Limits
from critech.batch.reading.lines import lines
from critech.batch.reading.mapping import FieldMapping
from critech.batch.reading.parquet import look_at_columns, open_parquet
from critech.batch.reading.plan import Plan, PlannedSource, Tell
from critech.batch.reading.sources import Source, sources
from critech.batch.reading.streams import (
    HEAD,
    ZIP,
    StreamError,
    faults_named,
    needed,
    unpacked,
    unpacked_head,
)
from critech.errors import InputError

UNKNOWN = "unknown format; give it with --format-in"
MAX_NOTES = 3
MAX_OTHERS = 10
COLUMNLESS = frozenset({"text", "xml"})
LATER = "columns are judged, and shown, when reading starts"
NO_COLUMNS = "patent XML and plain text have none, their fields are fixed"
LINKED = "links to folders are not followed"


@dataclass(frozen=True)
class Settings:
    """How sources are read: the same for all of them. ``tell`` and ``judge_stdin``: see
    ``read``."""

    mapping: FieldMapping
    limits: Limits
    format: Format | None = None
    encoding: str | None = None
    tell: Tell | None = None
    judge_stdin: bool = True


def planned_all(inputs: Sequence[Input], settings: Settings) -> Plan:
    """Return what will be read of all inputs. Raises InputError for what makes none of them of use,
    and what ``planned`` raises."""
    found = [planned(each, settings) for each in inputs]
    if all(source.files == source.unfit for source in found):
        for fault in (source.fault for source in found if source.fault is not None):
            raise fault
    return Plan(tuple(_with_columnless_noted(found, settings.mapping)))


def _with_columnless_noted(
    found: Sequence[PlannedSource], mapping: FieldMapping
) -> Iterator[PlannedSource]:
    """Yield the sources, with a note where columns are named and there are none. Raises InputError
    where none of the sources has any."""
    given = mapping.columns()
    formats = frozenset(format for source in found for format in source.formats)
    unknown = any(source.files and not source.formats for source in found)
    if given and formats and formats <= COLUMNLESS and not unknown:
        raise InputError("--field", f"names a column for {', '.join(given)}; {NO_COLUMNS}")
    for source in found:
        without = given and not COLUMNLESS.isdisjoint(source.formats)
        note = f"--field names columns; {NO_COLUMNS}"
        yield replace(source, notes=(note, *source.notes)) if without else source


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
        except NoRecordError as error:  # costs this source, unless there is no other
            notes = (str(error),)
            found = PlannedSource(source.name, ("jsonl",), notes=notes, unfit=1, fault=error)
            plan = _with(plan, found)
        except StreamError as fault:  # costs this source, and is said again when it is read
            formats = (source.format,) if source.format else ()
            notes = (f"{source.name}: {fault.message}",)
            plan = _with(plan, PlannedSource(source.name, formats, notes=notes))
    if not plan.files and not before:
        why = f"; {LINKED}" if LINKED in plan.notes else ""
        raise InputError(each.name, f"holds no file of a known format{why}")
    return plan


def _few(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))[:MAX_NOTES]


def _planned_stdin(each: Input, settings: Settings) -> PlannedSource:
    """Return what the first bytes show, as far as they are there and can be unpacked."""
    peek = getattr(each.open(), "peek", None)
    if peek is None:
        return PlannedSource(
            each.name, (settings.format,) if settings.format else (), notes=(LATER,)
        )
    stored = peek(HEAD)
    head = unpacked_head(stored)
    if head.startswith(ZIP):
        raise InputError(
            each.name, "a zip archive cannot be read from standard input; name its file"
        )
    found = settings.format or format_of_head(head)
    notes = () if found in COLUMNLESS or not stored else (LATER,)
    return PlannedSource(each.name, (found,) if found else (), files=int(bool(stored)), notes=notes)


def _with(plan: PlannedSource, other: PlannedSource) -> PlannedSource:
    formats = plan.formats + tuple(each for each in other.formats if each not in plan.formats)
    first = plan.mapping is None
    known = (plan.mapping, *(each.mapping for each in plan.others))
    differs = not first and other.mapping is not None and other.mapping not in known
    shown = differs and len(plan.others) < MAX_OTHERS
    return replace(
        plan,
        formats=formats,
        mapping=other.mapping if first else plan.mapping,
        columns=other.columns if first else plan.columns,
        files=plan.files + 1,
        notes=_few((*plan.notes, *other.notes)),
        unfit=plan.unfit + other.unfit,
        fault=plan.fault or other.fault,
        others=plan.others + ((replace(other, notes=()),) if shown else ()),
        unshown=plan.unshown + (differs and not shown),
    )


def _inspect(source: Source, settings: Settings) -> PlannedSource:
    if source.fault is not None:
        raise source.fault
    if source.format == "xml":
        needed("lxml.etree", "patent XML")
    if source.format in COLUMNLESS:
        return PlannedSource(source.name, (source.format,))  # looked at when it is read
    with closing(faults_named(source.open)) as raw:
        return inspect_stream(raw, source, settings)


def inspect_stream(raw: BinaryIO, source: Source, settings: Settings) -> PlannedSource:
    """Return what the head of a stream shows."""
    if source.format == "parquet":
        return look_at_columns(open_parquet(raw), source.name, settings.mapping)
    stream = unpacked(raw, settings.limits)
    format = told(source, stream)
    if format == "parquet":
        raw.seek(0)
        return look_at_columns(open_parquet(raw), source.name, settings.mapping)
    head = stream.peek(HEAD)[:HEAD]
    if not head:
        return PlannedSource(source.name, (format,), notes=("empty",))
    if format == "jsonl":
        first = take_head(lines(stream, settings.limits.record_bytes))
        if first.fault is not None:
            raise first.fault
        return look(first, source.name, settings.mapping, settings.limits)
    if format in ("csv", "tsv"):
        most = settings.limits.record_bytes
        tabs = format == "tsv"
        header = header_of(head, source.name, tabs, settings.encoding, most)
        return look_at_header(header, source.name, tabs, settings.mapping)
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
