"""The three output formats: how a shard is written, and how shards become one file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import Any, BinaryIO, Literal, Protocol

from critech.batch.columns import FLAT, Titles, arrow, flat_rows, flat_schema, nested_schema
from critech.batch.rows import Row
from critech.errors import InputError

FormatName = Literal["parquet", "jsonl", "csv"]
Layout = Literal["nested", "flat"]
FORMATS: tuple[FormatName, ...] = ("parquet", "jsonl", "csv")
GROUP_BYTES = 16 << 20
LAYOUTS: tuple[Layout, ...] = ("nested", "flat")
NESTED = (
    *FLAT[:7],
    "assigned",
    "possible",
    "taxonomies",
    "screening",
    *FLAT[-2:],
)


class OutputFormat(Protocol):
    """How rows become a file. ``encoded`` are rows ready to be written, with their size."""

    @property
    def suffix(self) -> str:
        """The end of a shard's name."""

    def encode(self, row: Row) -> tuple[Any, int]:
        """Return a row as it is held until its shard is written, and about how many bytes that
        takes."""

    def write(self, encoded: Sequence[Any], file: BinaryIO) -> None:
        """Write one shard."""

    def assemble(self, shards: Iterable[Path], file: BinaryIO) -> None:
        """Write all shards, in order, as one output."""


def output_format(name: FormatName, layout: Layout, titles: Titles) -> OutputFormat:
    """Return the format of a name. Raise CritechError when Parquet is not installed."""
    rows = Rows(layout, titles)
    if name == "parquet":
        return Parquet(rows, flat_schema() if layout == "flat" else nested_schema())
    return JsonLines(rows) if name == "jsonl" else Csv(rows)


def format_of(out: Path) -> FormatName:
    """Return the format that an output's name stands for; raise InputError for another name."""
    found = out.suffix.lower().lstrip(".")
    names: dict[str, FormatName] = {**{name: name for name in FORMATS}, "ndjson": "jsonl"}
    if found not in names:
        raise InputError("--output", f"say --format; the name ends in none of {', '.join(FORMATS)}")
    return names[found]


@dataclass(frozen=True)
class Rows:
    """What is written of a row in a layout."""

    layout: Layout
    titles: Titles

    def of(self, row: Row) -> list[dict[str, Any]]:
        """Return the rows of the layout."""
        return [row] if self.layout == "nested" else flat_rows(row, self.titles)


@dataclass(frozen=True)
class JsonLines:
    """One JSON object a line, UTF-8."""

    rows: Rows
    suffix: str = ".jsonl"

    def encode(self, row: Row) -> tuple[bytes, int]:
        """Return the lines of a row."""
        data = "".join(f"{_json(one)}\n" for one in self.rows.of(row)).encode()
        return data, len(data)

    def write(self, encoded: Sequence[bytes], file: BinaryIO) -> None:
        """Write one shard."""
        file.writelines(encoded)

    def assemble(self, shards: Iterable[Path], file: BinaryIO) -> None:
        """Write the shards one after the other."""
        _concatenate(shards, file)


@dataclass(frozen=True)
class Csv:
    """RFC 4180 with a line of names and plain line feeds, UTF-8. Lists are JSON in one cell."""

    rows: Rows
    suffix: str = ".csv"

    def encode(self, row: Row) -> tuple[bytes, int]:
        """Return the lines of a row."""
        data = _csv_lines([_cell(v) for v in one.values()] for one in self.rows.of(row))
        return data, len(data)

    def write(self, encoded: Sequence[bytes], file: BinaryIO) -> None:
        """Write one shard."""
        file.writelines(encoded)

    def assemble(self, shards: Iterable[Path], file: BinaryIO) -> None:
        """Write the line of names, then the shards one after the other."""
        file.write(_csv_lines([NESTED if self.rows.layout == "nested" else FLAT]))
        _concatenate(shards, file)


@dataclass(frozen=True)
class Parquet:
    """Parquet with zstd, typed by the schema. A shard is one row group; the output joins some of
    them into each of its own, since its writer holds the description of every one, 80 kB."""

    rows: Rows
    schema: Any
    suffix: str = ".parquet"

    def encode(self, row: Row) -> tuple[list[dict[str, Any]], int]:
        """Return the rows as they are."""
        labels = 1 + sum(1 + len(t["labels"]) for t in row["taxonomies"])
        return self.rows.of(row), 500 * labels

    def write(self, encoded: Sequence[list[dict[str, Any]]], file: BinaryIO) -> None:
        """Write one shard."""
        table = arrow().Table.from_pylist([row for rows in encoded for row in rows], self.schema)
        with self._writer(file) as writer:
            writer.write_table(table)
        del table
        arrow().default_memory_pool().release_unused()

    def assemble(self, shards: Iterable[Path], file: BinaryIO) -> None:
        """Write the shards one after the other. As many make one row group as ``GROUP_BYTES`` of
        memory hold, or one alone."""
        import pyarrow.parquet as pq

        group: list[Any] = []
        size = 0
        with self._writer(file) as writer:
            for shard in shards:
                with pq.ParquetFile(shard, pre_buffer=False) as opened:
                    table = opened.read(use_threads=False)
                size += table.nbytes
                if group and size > GROUP_BYTES:
                    writer.write_table(arrow().concat_tables(group))
                    group, size = [], table.nbytes
                group.append(table)
            if group:
                writer.write_table(arrow().concat_tables(group))

    def _writer(self, file: BinaryIO) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(file, self.schema, compression="zstd")


def _concatenate(shards: Iterable[Path], file: BinaryIO) -> None:
    for shard in shards:
        with shard.open("rb") as source:
            copyfileobj(source, file, 1 << 20)


def _csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json(value) if isinstance(value, list | dict) else value


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
