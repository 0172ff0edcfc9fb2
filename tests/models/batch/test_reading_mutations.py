"""Damaged files of each format: records or rejections, never a crash, and no rejection repeats the
text. The only exception let through is InputError, for a table without its columns.

``MUTATIONS=1000 python -m pytest tests/models/batch/test_reading_mutations.py`` runs a thousand of
each; without it there are 150.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mutations import mutated

from critech.batch.reading import Limits, plan, read
from critech.batch.records import Record, Rejected
from critech.errors import InputError

REPLICAS = Path(__file__).parent / "replicas"
FILES = int(os.environ.get("MUTATIONS", "150"))
SECRET = "zylophant"  # in every text, so in no message
ROWS = [
    {
        "id": f"d{n}",
        "title": f"title {n}, 装置",
        "text": f'{SECRET} text {n},\n"quoted", 日本語',
        "ipc": "G21C 3/00; H04L 9/08",
        "filing_date": "2020-01-02",
    }
    for n in range(6)
]
LIMITS = Limits(record_bytes=20_000, document_bytes=50_000, expansion_floor=1_000_000)


def delimited(delimiter: str) -> bytes:
    quoted = [['"' + str(v).replace('"', '""') + '"' for v in row.values()] for row in ROWS]
    return "\n".join(delimiter.join(row) for row in [list(ROWS[0]), *quoted]).encode()


def parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), buffer, row_group_size=2, compression="zstd")
    return buffer.getvalue()


def xml(*names: str) -> bytes:
    documents = [(REPLICAS / name).read_bytes() for name in names]
    return b"".join(
        document.replace(b"</abstract>", SECRET.encode() + b"</abstract>", 1)
        for document in documents
    )


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", xml("us_application.xml"))
        archive.writestr("b.jsonl", LINES)
    return buffer.getvalue()


LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()
FORMATS: dict[str, Callable[[], bytes]] = {
    "x.jsonl": lambda: LINES,
    "x.csv": lambda: delimited(","),
    "x.tsv": lambda: delimited("\t"),
    "x.parquet": parquet,
    "x.txt": lambda: (SECRET + " text 日本語\n").encode() * 5,
    "us-grant.xml": lambda: xml("us_grant.xml", "us_sequence.xml", "us_application.xml"),
    "ep.xml": lambda: xml("ep_a1.xml") * 2,
    "wipo.xml": lambda: xml("wipo_st96.xml") * 2,
    "jpo-st96.xml": lambda: xml("jpo_st96.xml") * 2,
    "jpo-st36.xml": lambda: xml("jpo_st36.xml") * 2,
    "x.jsonl.gz": lambda: gzip.compress(LINES),
    "x.jsonl.zst": lambda: pa.compress(LINES, codec="zstd", asbytes=True),
    "x.zip": zipped,
    "unnamed": lambda: LINES,
}


def items(path: Path) -> list[Record | Rejected]:
    """Return what is read, nothing where the table has lost its columns."""
    try:
        plan([str(path)], limits=LIMITS)
        return list(read([str(path)], limits=LIMITS))
    except InputError as error:
        assert SECRET not in str(error)
        return []


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_give_records_or_rejections(tmp_path: Path, name: str) -> None:
    whole = FORMATS[name]()
    path = tmp_path / name
    path.write_bytes(whole)
    assert all(isinstance(item, Record) for item in items(path))
    random = Random(name)
    records = rejections = 0
    for _ in range(FILES):
        path.write_bytes(mutated(whole, random))
        found = items(path)
        positions = [(item.position.source, item.position.record) for item in found]
        assert len(set(positions)) == len(positions)
        messages = " ".join(item.message for item in found if isinstance(item, Rejected))
        assert SECRET not in messages
        records += sum(isinstance(item, Record) for item in found)
        rejections += sum(isinstance(item, Rejected) for item in found)
    packed = name.endswith((".gz", ".zst"))  # one damaged byte may cost all of it
    assert packed or records > FILES / 3
    assert rejections > FILES / 20
