"""Parquet: one record in each row, read by row groups and only in the columns that are used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, BinaryIO

from critech.batch.reading.fields import BadRecordError, to_record
from critech.batch.reading.limits import Limits
from critech.batch.reading.mapping import FieldMapping, resolve
from critech.batch.reading.plan import PlannedSource, Tell
from critech.batch.reading.streams import StreamError, needed
from critech.batch.records import Position, Record, Rejected

_BATCH = 64
_PAGES = 1024 * 1024
_THRIFT = 100_000_000
_DAMAGED = "source: damaged; no Parquet file"
# What pyarrow raises: its own errors are subclasses of these.
_FAULTS = (OSError, ValueError, TypeError, KeyError, MemoryError, NotImplementedError)


def open_parquet(file: BinaryIO) -> Any:
    """Return the file's reader. Raises StreamError for what is no Parquet file."""
    needed("pyarrow", "Parquet")
    parquet = needed("pyarrow.parquet", "Parquet")
    try:
        return parquet.ParquetFile(
            file,
            buffer_size=_PAGES,
            pre_buffer=False,
            thrift_string_size_limit=_THRIFT,
            thrift_container_size_limit=_THRIFT,
        )
    except _FAULTS:
        raise StreamError("cut_off", _DAMAGED) from None


def columns_of(file: Any) -> list[str]:
    """Return the names of the top-level columns."""
    try:
        return [str(name) for name in file.schema_arrow.names]
    except _FAULTS:
        raise StreamError("cut_off", _DAMAGED) from None


def look_at_columns(file: Any, source: str, mapping: FieldMapping) -> PlannedSource:
    """Return what the schema shows. Raises InputError where there is no column for the text."""
    found = columns_of(file)
    return PlannedSource(source, ("parquet",), resolve(mapping, found, source), tuple(found))


def read_parquet(
    stream: BinaryIO, source: str, mapping: FieldMapping, limits: Limits, tell: Tell | None = None
) -> Iterator[Record | Rejected]:
    """Yield a record or rejection for each row; for a damaged row group one rejection for the rest
    of it. Raises InputError where there is no column for the text, StreamError for a file that
    cannot be opened. ``tell`` is called with what the schema shows."""
    file = open_parquet(stream)
    shown = look_at_columns(file, source, mapping)
    if tell is not None:
        tell(shown)
    table = _Table(file, source, shown.fields(), limits)
    start = 0
    for group in range(file.metadata.num_row_groups):
        end = start + max(file.metadata.row_group(group).num_rows, 0)
        yield from _read_group(table, group, start, end)
        start = end


@dataclass(frozen=True)
class _Table:
    file: Any
    source: str
    fields: dict[str, str]
    limits: Limits


def _read_group(table: _Table, group: int, start: int, end: int) -> Iterator[Record | Rejected]:
    """Yield the records numbered from ``start`` to ``end``, those of one row group."""
    record = start
    try:
        _check_expansion(table.file.metadata.row_group(group), table.limits)
        batches = table.file.iter_batches(
            batch_size=_BATCH,
            row_groups=[group],
            columns=list(dict.fromkeys(table.fields.values())),
            use_threads=False,
        )
        rows = chain.from_iterable(_rows(batch, table.fields) for batch in batches)
        for row in islice(rows, end - start):
            position = Position(table.source, record)
            if isinstance(row, BadRecordError):
                yield Rejected(position, row.reason, row.message)
            else:
                yield _to_record(row, position, table.limits)
            record += 1
    except StreamError as error:
        yield Rejected(Position(table.source, record), error.reason, error.message)
        return
    except _FAULTS:
        pass
    if record < end:
        message = f"source: damaged; {end - record} rows of this row group are not read"
        yield Rejected(Position(table.source, record), "cut_off", message)


def _rows(batch: Any, fields: dict[str, str]) -> Iterator[dict[str, object] | BadRecordError]:
    columns = {name: batch.column(column) for name, column in fields.items()}
    for index in range(batch.num_rows):
        yield _row({name: column[index] for name, column in columns.items()})


def _row(cells: dict[str, Any]) -> dict[str, object] | BadRecordError:
    """Return the values. pyarrow looks at a value only here: text need not be UTF-8, and a date may
    lie beyond the year 9999."""
    row: dict[str, object] = {}
    for name, cell in cells.items():
        try:
            row[name] = cell.as_py()
        except UnicodeDecodeError:
            return BadRecordError("bad_encoding", f"{name}: not UTF-8")
        except (ValueError, OverflowError, KeyError):
            reason = "bad_date" if name == "filing_date" else "bad_type"
            return BadRecordError(reason, f"{name}: a value that cannot be read")
    return row


def _to_record(row: dict[str, object], position: Position, limits: Limits) -> Record | Rejected:
    size = sum(len(value) for value in row.values() if isinstance(value, str | list))
    if size > limits.record_bytes:
        message = f"row: larger than {limits.record_bytes} bytes"
        return Rejected(position, "too_large", message)
    return to_record(row, position, limits)


def _check_expansion(group: Any, limits: Limits) -> None:
    """Raise StreamError for a row group that says that it unpacks to too much."""
    sizes = [group.column(index) for index in range(group.num_columns)]
    packed = sum(max(column.total_compressed_size, 0) for column in sizes)
    unpacked = sum(max(column.total_uncompressed_size, 0) for column in sizes)
    if unpacked > limits.expansion_floor and unpacked > limits.expansion_ratio * packed:
        message = f"row group: unpacks to more than {limits.expansion_ratio} times its packed size"
        raise StreamError("expands_too_much", message)
