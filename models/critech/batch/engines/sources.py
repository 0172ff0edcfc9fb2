"""Inputs of a run on many machines: what is to be read, and reading one of it into blocks.

A block is a piece of the records of one input, as bytes, that engines hand around without looking
into it. It is never cut or joined on the way, so that it is the same whoever computes it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critech.batch.columns import arrow
from critech.batch.engines.parts import Finished
from critech.batch.reading import FieldMapping, plan, read
from critech.batch.records import Record
from critech.batch.rows import plain
from critech.batch.tables import Item, items_of_table, table_of_items
from critech.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 32_000_000


def expand(inputs: Sequence[str], mapping: FieldMapping | None) -> list[str]:
    """Return every input by its name or address, patterns resolved; each is read by itself. Raise
    InputError for one that is not there, whose columns cannot be told, or that lies in a folder
    that is named, too."""
    names = [source.name for source in plan(inputs, mapping).sources]
    local = {name: Path(name).resolve() for name in names if "://" not in name}
    for name, path in local.items():
        if any(folder in path.parents for folder in local.values()):
            raise InputError(name, "lies in a folder that is an input, too; name one of them")
    return names


def read_source(source: str, mapping: FieldMapping | None) -> Iterator[Item]:
    """Yield the records of one input. Sources have the names that rows give them."""
    for item in read([source], mapping):
        name = plain(item.position.source)
        yield dataclasses.replace(item, position=dataclasses.replace(item.position, source=name))


def blocks(items: Iterable[Item], finished: Finished, n_rows: int) -> Iterator[bytes]:
    """Yield what is not finished in blocks of at most ``n_rows`` records and about
    ``BLOCK_BYTES``. Where they are cut does not depend on what is finished, so that a run which
    begins while another is at work makes parts of the same records."""
    for piece in _pieces(items, n_rows):
        rest = [one for one in piece if (one.position.source, one.position.record) not in finished]
        if rest:
            yield pack(table_of_items(rest))


def _pieces(items: Iterable[Item], n_rows: int) -> Iterator[list[Item]]:
    piece: list[Item] = []
    n_bytes = 0
    for item in items:
        piece.append(item)
        n_bytes += _n_bytes(item)
        if len(piece) >= n_rows or n_bytes >= BLOCK_BYTES:
            yield piece
            piece, n_bytes = [], 0
    if piece:
        yield piece


def _n_bytes(item: Item) -> int:
    if not isinstance(item, Record):
        return 0
    texts = (item.text, item.title, item.claims, item.description)
    return sum(4 * len(text) for text in texts if text)


def pack(table: pa.Table) -> bytes:
    """Return a table as bytes of an Arrow stream."""
    pa = arrow()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def unpack(block: Any) -> list[Item]:
    """Return the items of a block."""
    pa = arrow()
    with pa.ipc.open_stream(block) as reader:
        return items_of_table(reader.read_all())
