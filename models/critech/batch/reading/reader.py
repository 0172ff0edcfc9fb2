"""The two calls: what will be read, and the reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO

from critech.batch.reading.delimited import read_delimited
from critech.batch.reading.encodings import ENCODINGS
from critech.batch.reading.formats import FORMATS, Format
from critech.batch.reading.inputs import STDIN, Input, expand
from critech.batch.reading.inspecting import Settings, planned_all, told
from critech.batch.reading.jsonl import read_jsonl
from critech.batch.reading.limits import DEFAULT_LIMITS, Limits
from critech.batch.reading.mapping import FieldMapping
from critech.batch.reading.parquet import read_parquet
from critech.batch.reading.patent_xml import read_patents
from critech.batch.reading.plain_text import read_text
from critech.batch.reading.plan import Plan, Tell
from critech.batch.reading.sources import Source, sources
from critech.batch.reading.streams import ZIP, StreamError, faults_named, unpacked
from critech.batch.records import Position, Record, Rejected
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
    """Return the inputs in reading order, the format of each, and the guesses made for its columns.

    Only heads are read, and nothing of standard input is used up. Raises InputError for an input
    that is not there or cannot be opened, an unknown format or encoding, a column that does not
    exist, a table in which no column, or more than one, can be the text, and where no file has a
    JSON object, or the text, in its first lines.
    """
    settings = _settings(mapping, limits, format, encoding)
    return planned_all(expand(inputs, stdin), settings)


def read(
    inputs: Sequence[str],
    mapping: FieldMapping | None = None,
    limits: Limits = DEFAULT_LIMITS,
    stdin: BinaryIO | None = None,
    *,
    format: Format | None = None,
    encoding: str | None = None,
    tell: Tell | None = None,
    judge_stdin: bool = True,
) -> Iterator[Record | Rejected]:
    """Yield the records of the inputs, and a rejection for each that cannot be read.

    The order is fixed: inputs as given, globs and folders by name, archives as they are; source and
    record number together occur once. Memory does not grow with the inputs. A source that breaks
    off gives one rejection for the rest of it, and the next source is read. Raises InputError as
    ``plan`` does, for standard input when its turn comes, but not for the inputs as a whole: then
    all is rejected. ``tell`` is called with what standard input shows of its columns, at which the
    plan cannot look. With ``judge_stdin`` first lines of standard input of which none can become a
    record are an error, as ``plan`` has it for a file; without it they are rejected one by one.
    """
    settings = _settings(mapping, limits, format, encoding)
    return _read(expand(inputs, stdin), replace(settings, tell=tell, judge_stdin=judge_stdin))


def _settings(
    mapping: FieldMapping | None, limits: Limits, format: Format | None, encoding: str | None
) -> Settings:
    if format is not None and format not in FORMATS:
        raise InputError("format", f"expected one of {', '.join(FORMATS)}")
    if encoding is not None and encoding not in ENCODINGS:
        raise InputError("encoding", f"expected one of {', '.join(ENCODINGS)}")
    return Settings(mapping or FieldMapping(), limits, format, encoding)


def _read(inputs: list[Input], settings: Settings) -> Iterator[Record | Rejected]:
    for each in inputs:
        for source in sources(each, settings.limits, settings.format):
            if not source.skipped:
                yield from _read_source(source, settings)


def _read_source(source: Source, settings: Settings) -> Iterator[Record | Rejected]:
    """Yield what the source holds, and one rejection in the place where it breaks off."""
    following = 0
    try:
        if source.fault is not None:
            raise source.fault
        with closing(faults_named(source.open)) as raw:
            for item in _records(raw, source, settings):
                following = item.position.record + 1
                yield item
    except StreamError as error:
        yield Rejected(Position(source.name, following), error.reason, error.message)


def _records(raw: BinaryIO, source: Source, settings: Settings) -> Iterator[Record | Rejected]:
    mapping, limits = settings.mapping, settings.limits
    is_stdin = source.name == STDIN
    tell = settings.tell if is_stdin else None
    if source.format == "parquet":
        yield from _parquet(raw, source, settings)
        return
    stream = unpacked(raw, limits)
    if not stream.peek(1):
        return
    if stream.peek(len(ZIP)).startswith(ZIP):
        raise StreamError("not_readable", "source: a zip archive, read only from a file")
    match told(source, stream):
        case "jsonl":
            judge = is_stdin and settings.judge_stdin
            yield from read_jsonl(stream, source.name, mapping, limits, tell, judge=judge)
        case "csv" | "tsv" as format:
            tabs = format == "tsv"
            yield from read_delimited(
                stream,
                source.name,
                mapping,
                limits,
                tabs=tabs,
                encoding=settings.encoding,
                tell=tell,
            )
        case "xml":
            yield from read_patents(stream, source.name, limits, mapping.unread())
        case "text":
            yield from read_text(stream, source.name, source.id, limits, settings.encoding)
        case "parquet":
            yield from _parquet(raw, source, settings)


def _parquet(raw: BinaryIO, source: Source, settings: Settings) -> Iterator[Record | Rejected]:
    if not raw.seekable() or "!" in source.name:
        message = "source: Parquet is read from a file of its own, not packed and not piped"
        raise StreamError("not_seekable", message)
    raw.seek(0)
    tell = settings.tell if source.name == STDIN else None
    yield from read_parquet(raw, source.name, settings.mapping, settings.limits, tell)
