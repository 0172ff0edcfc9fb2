"""CSV and TSV: a header, then one record in each row; quoted fields may hold line ends."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from critech.batch.reading.encodings import encoding_of
from critech.batch.reading.fields import BadRecordError, to_record
from critech.batch.reading.limits import Limits
from critech.batch.reading.mapping import FieldMapping, resolve
from critech.batch.reading.plan import PlannedSource, Tell
from critech.batch.reading.streams import HEAD
from critech.batch.records import Position, Record, Rejected
from critech.errors import InputError

_UNDECODED = re.compile(r"[\udc80-\udcff]")
# How much may be read again after stray quotes: so many times the record limit, and so many times
# what was read up to there. A stray quote in every row of a file without others needs twice.
_RESCANS = 20
_RESCANS_OF_READ = 4


@dataclass(frozen=True)
class Header:
    """The columns of a table, and how its bytes are to be read."""

    columns: tuple[str, ...]
    delimiter: str
    codec: str
    note: str | None = None


@dataclass(frozen=True)
class Row:
    """The values of a row that starts on ``line``, from 1, or why there are none."""

    line: int
    values: list[str] = field(default_factory=list)
    error: BadRecordError | None = None


def header_of(head: bytes, source: str, tabs: bool, encoding: str | None, most: int) -> Header:
    """Return the header in the first bytes of a table. Raises InputError where there is none."""
    try:
        found = encoding_of(head, encoding)
    except BadRecordError as error:
        raise InputError(source, error.message) from None
    text = io.TextIOWrapper(io.BytesIO(head), found.codec, errors="replace", newline="")
    line = text.readline()
    text.seek(0)
    delimiter = "\t" if tabs else max(",;\t", key=line.count)
    row = next(_rows(text, delimiter, most), None)
    if row is None or row.error or not any(row.values):
        raise InputError(source, "no header row with column names")
    return Header(tuple(row.values), delimiter, found.codec, found.note)


def look_at_header(header: Header, source: str, tabs: bool, mapping: FieldMapping) -> PlannedSource:
    """Return what the header shows. Raises InputError where it has no column for the text."""
    resolved = resolve(mapping, header.columns, source)
    notes = (header.note,) if header.note else ()
    return PlannedSource(source, ("tsv" if tabs else "csv",), resolved, header.columns, notes=notes)


def read_delimited(
    stream: io.BufferedReader,
    source: str,
    mapping: FieldMapping,
    limits: Limits,
    *,
    tabs: bool,
    encoding: str | None,
    tell: Tell | None = None,
) -> Iterator[Record | Rejected]:
    """Yield a record or rejection for each row. Raises InputError where the header is missing or
    has no column for the text. An empty file has no rows. ``tell`` is called with what the header
    shows."""
    head = stream.peek(HEAD)[:HEAD]
    if not head:
        return
    header = header_of(head, source, tabs, encoding, limits.record_bytes)
    shown = look_at_header(header, source, tabs, mapping)
    if tell is not None:
        tell(shown)
    fields = shown.fields()
    places = {name: header.columns.index(column) for name, column in fields.items()}
    # UTF-16 has no bytes to keep aside; there, what cannot be read shows as U+FFFD.
    errors = "replace" if header.codec == "utf-16" else "surrogateescape"
    text = io.TextIOWrapper(stream, header.codec, errors=errors, newline="")
    rows = _rows(text, header.delimiter, limits.record_bytes)
    next(rows, None)
    for record, row in enumerate(rows):
        position = Position(source, record, row.line)
        try:
            _check(row, header)
        except BadRecordError as error:
            yield Rejected(position, error.reason, error.message)
            continue
        yield to_record({n: row.values[i] for n, i in places.items()}, position, limits)


def _check(row: Row, header: Header) -> None:
    if row.error is not None:
        raise row.error
    undecoded = "\ufffd" if header.codec == "utf-16" else _UNDECODED
    if any(re.search(undecoded, value) for value in row.values):
        raise BadRecordError("bad_encoding", "row: not in the encoding of the file")
    if len(row.values) != len(header.columns):
        counts = f"{len(row.values)} columns, the header {len(header.columns)}"
        raise BadRecordError("wrong_columns", f"row: has {counts}")


class _TooLargeError(Exception):
    """A row goes on beyond the limit."""


class _Lines:
    """Lines for one row at a time. Those of the row in hand are kept: a stray quote makes one row
    of many, and they are read again from the second on."""

    def __init__(self, text: io.TextIOWrapper, most: int) -> None:
        self._text = text
        self._most = most
        self._again: deque[tuple[int, str]] = deque()
        self._number = 0
        self._rescans = _RESCANS * most
        self.taken: list[tuple[int, str]] = []
        self._size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        number, line = self._again.popleft() if self._again else self._read()
        self.taken.append((number, line))
        self._size += len(line)
        if self._size > self._most:
            raise _TooLargeError
        return line

    def start(self) -> None:
        """Begin a row."""
        self.taken, self._size = [], 0

    def again(self) -> int:
        """Give the lines of this row, without its first, once more, unless that was done too often
        (a file of nothing but quotes). Returns how many lines are lost."""
        if self._rescans <= 0:
            return len(self.taken) - 1
        self._rescans -= self._size
        self._again.extendleft(reversed(self.taken[1:]))
        return 0

    def _read(self) -> tuple[int, str]:
        line = self._text.readline(self._most + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self._rescans += _RESCANS_OF_READ * len(line)
        number, rest = self._number, line
        while len(line) > self._most and rest and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(self._most)
        return number, line


def _rows(text: io.TextIOWrapper, delimiter: str, most: int) -> Iterator[Row]:
    """Yield the rows that are not blank."""
    csv.field_size_limit(max(most, csv.field_size_limit()))  # one for the whole process
    lines = _Lines(text, most)
    while True:
        lines.start()
        try:
            values = next(csv.reader(lines, delimiter=delimiter, strict=True), None)
        except (csv.Error, _TooLargeError) as error:
            large = isinstance(error, _TooLargeError)
            reason = "too_large" if large else "bad_quotes"
            message = f"row: larger than {most} bytes" if large else "row: quotes do not match"
            if lost := lines.again():
                message += f"; {lost} lines after it are not read"
            yield Row(lines.taken[0][0], error=BadRecordError(reason, message))
            continue
        if values is None:
            return
        if values:
            yield Row(lines.taken[0][0], values)
