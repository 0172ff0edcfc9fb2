"""Records and what became of them as Arrow tables: what frames and engines hand around.

A table of items holds a record or a rejection in each row; a table of outcomes holds, in the same
order, the nested row of ``classify_records`` or, with ``error`` and ``error_message``, why there
is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from critech.batch.columns import arrow, nested_schema
from critech.batch.records import Position, Record, Rejected
from critech.batch.rows import Row, RowOptions, classify_each, classify_records, plain
from critech.classifier import Classifier

if TYPE_CHECKING:
    import pyarrow as pa

Item = Record | Rejected
ERRORS = ("error", "error_message")


def item_schema() -> pa.Schema:
    """Return the Arrow schema of a table of items."""
    pa = arrow()
    texts = ("id", "text", "title", "claims", "description", "language")
    return pa.schema(
        [
            pa.field("source", pa.string(), nullable=False),
            pa.field("record", pa.int64(), nullable=False),
            pa.field("line", pa.int64()),
            *(pa.field(name, pa.string()) for name in texts),
            pa.field("ipc", pa.list_(pa.string())),
            pa.field("filing_date", pa.date32()),
            *(pa.field(name, pa.string()) for name in ERRORS),
        ]
    )


def outcome_schema() -> pa.Schema:
    """Return the Arrow schema of a table of outcomes: the nested layout, in which all but the
    place may be null, and the errors."""
    pa = arrow()
    places = {"source", "record"}
    nested = [one.with_nullable(one.name not in places) for one in nested_schema()]
    return pa.schema([*nested, *(pa.field(name, pa.string()) for name in ERRORS)])


def table_of_items(items: Iterable[Item]) -> pa.Table:
    """Return a table of items."""
    return arrow().Table.from_pylist([_item_row(item) for item in items], schema=item_schema())


def items_of_table(table: pa.Table | pa.RecordBatch) -> list[Item]:
    """Return the items of a table, in order."""
    return [_item(row) for row in table.to_pylist()]


def classify_items(
    classifier: Classifier, items: Sequence[Item], options: RowOptions
) -> list[Row | Rejected]:
    """Return one row or rejection for each item, in order. The classifier's threads work at once;
    where one record spoils that, each is classified alone, which gives the same rows."""
    good = [item for item in items if isinstance(item, Record)]
    found: list[Row | Rejected]
    try:
        found = list(classify_records(classifier, good, options))
    except Exception:
        found = classify_each(classifier, good, options)
    rows = iter(found)
    return [next(rows) if isinstance(item, Record) else item for item in items]


def table_of_outcomes(outcomes: Iterable[Row | Rejected]) -> pa.Table:
    """Return a table of outcomes."""
    rows = [_rejected_row(one) if isinstance(one, Rejected) else one for one in outcomes]
    return arrow().Table.from_pylist(rows, schema=outcome_schema())


def _item_row(item: Item) -> dict[str, Any]:
    place = {
        "source": plain(item.position.source),
        "record": item.position.record,
        "line": item.position.line,
    }
    if isinstance(item, Rejected):
        return {**place, "id": plain(item.id), "error": item.reason, "error_message": item.message}
    names = [field.name for field in fields(item) if field.name not in {"position", "ipc"}]
    return {**place, **{name: getattr(item, name) for name in names}, "ipc": list(item.ipc)}


def _item(row: dict[str, Any]) -> Item:
    position = Position(row["source"], row["record"], row["line"])
    if row["error"] is not None:
        return Rejected(position, row["error"], row["error_message"], row["id"])
    names = [field.name for field in fields(Record) if field.name not in {"position", "ipc"}]
    return Record(position, ipc=tuple(row["ipc"] or ()), **{name: row[name] for name in names})


def _rejected_row(rejected: Rejected) -> dict[str, Any]:
    return {
        "source": plain(rejected.position.source),
        "record": rejected.position.record,
        "id": plain(rejected.id),
        "error": rejected.reason,
        "error_message": rejected.message,
    }
