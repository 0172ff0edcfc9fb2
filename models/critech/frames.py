"""Frames of pandas, Polars or Arrow in, the same kind of frame out, for a record batch a table
(extra ``batch``).

Whatever the kind, rows become records, records become rows of one Arrow table by the function that
``critech batch`` applies, and the table becomes a frame again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from critech.batch.columns import arrow
from critech.batch.reading.fields import to_record
from critech.batch.reading.limits import DEFAULT_LIMITS
from critech.batch.records import Position
from critech.batch.rows import RowOptions, check_options
from critech.batch.tables import Item, classify_items, outcome_schema, table_of_outcomes
from critech.classifier import Classifier
from critech.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

Frame = TypeVar("Frame")
BLOCK_ROWS = 256
SOURCE = "frame"


def classify_frame(
    classifier: Classifier,
    frame: Frame,
    text: str = "abstract",
    *,
    id: str | None = None,
    title: str | None = None,
    claims: str | None = None,
    description: str | None = None,
    language: str | None = None,
    ipc: str | None = None,
    filing_date: str | None = None,
    taxonomies: Sequence[str] | None = None,
    top_k: int | None = 5,
    min_score: float = 0.0,
    screen: bool = False,
) -> Frame:
    """Return one row for each row of a pandas DataFrame, Polars DataFrame, Arrow table or record
    batch, in order, as the same kind (a record batch gives a table); a pandas index is kept.

    ``text`` to ``filing_date`` name columns; what is not named is not read. ``claims``,
    ``description``, ``ipc`` and ``filing_date`` count for screening only, which ``screen`` adds.
    The columns are those of ``classify_records`` but for the place, then ``error`` and
    ``error_message``: a row that cannot be used (null or empty text, a wrong type, a text that is
    too long) has these two and its id, and is null elsewhere. Scores equal those of
    ``Classifier.classify`` to the bit.

    Raise InputError for a column that the frame lacks or has twice, TypeError for any other kind
    of frame, and UnknownTaxonomyError for a taxonomy that the bundle does not hold.
    """
    given = {
        "text": text,
        "id": id,
        "title": title,
        "claims": claims,
        "description": description,
        "language": language,
        "ipc": ipc,
        "filing_date": filing_date,
    }
    columns = {field: column for field, column in given.items() if column is not None}
    chosen = None if taxonomies is None else tuple(taxonomies)
    options = RowOptions(chosen, top_k, min_score, screen)
    check_options(classifier, options)
    blocks = [
        table_of_outcomes(classify_items(classifier, items, options))
        for items in items_of_frame(frame, columns)
    ]
    table = arrow().concat_tables(blocks) if blocks else outcome_schema().empty_table()
    return _same_kind(table.drop_columns(["source", "record"]), frame)  # type: ignore[no-any-return]


def _kind(frame: object) -> str:
    kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__name__}"
    known = ("pandas.DataFrame", "polars.DataFrame", "pyarrow.Table", "pyarrow.RecordBatch")
    if kind not in known:
        raise TypeError(f"expected one of {', '.join(known)}, got {kind}")
    return kind


def items_of_frame(frame: Any, columns: Mapping[str, str]) -> Iterator[list[Item]]:
    """Yield the records of a frame, or why there are none, in order, some hundred at a time;
    ``columns`` are its columns by field. Raise what ``classify_frame`` raises for them."""
    kind = _kind(frame)
    names = frame.column_names if kind.startswith("pyarrow") else list(frame.columns)
    for field, column in columns.items():
        if names.count(column) != 1:
            many = "the frame has it more than once" if column in names else "the frame lacks it"
            raise InputError(field, f"no such column: {many}")
    n_rows = frame.num_rows if kind.startswith("pyarrow") else len(frame)
    for start in range(0, n_rows, BLOCK_ROWS):
        cells = {
            field: _values(frame, kind, column, start, min(start + BLOCK_ROWS, n_rows))
            for field, column in columns.items()
        }
        yield [
            to_record(dict(zip(cells, row, strict=True)), Position(SOURCE, i), DEFAULT_LIMITS)
            for i, row in enumerate(zip(*cells.values(), strict=True), start)
        ]


def _values(frame: Any, kind: str, column: str, start: int, stop: int) -> list[object]:
    """Return a slice of a column as plain values, null as None."""
    if kind == "pandas.DataFrame":
        return [_plain(value) for value in frame[column].iloc[start:stop].tolist()]
    if kind == "polars.DataFrame":
        return list(frame.get_column(column).slice(start, stop - start).to_list())
    return list(frame.column(column).slice(start, stop - start).to_pylist())


def _plain(value: Any) -> object:
    """Return a cell of pandas: its own ways to say null as None, an array as a list. What nulls
    make of numbers is undone where records are made."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return None if type(value).__name__ in {"NAType", "NaTType"} else value


def _same_kind(table: pa.Table, frame: Any) -> Any:
    kind = _kind(frame)
    if kind == "polars.DataFrame":
        import polars

        return polars.from_arrow(table)
    if kind != "pandas.DataFrame":
        return table
    import pandas

    pa = arrow()
    types = {pa.int64(): pandas.Int64Dtype()}
    found = table.to_pandas(types_mapper=types.get)
    found.index = frame.index
    return found
