import csv
import io
import json
from pathlib import Path

import pytest
from batch_stub import LABELS, TITLES, StubClassifier

from critech.batch import formats
from critech.batch.columns import FLAT
from critech.batch.formats import LAYOUTS, NESTED, format_of, output_format
from critech.batch.records import Position, Record
from critech.batch.rows import Row, RowOptions, classify_records
from critech.batch.tally import Tally
from critech.errors import InputError

NAME = 'D "1", \ud800\n=x'


@pytest.fixture
def rows() -> list[Row]:
    records = [Record(Position(f"s\ud800{i}", i), f"text {i}", id=NAME) for i in range(12)]
    return classify_records(StubClassifier(), records, RowOptions())  # type: ignore[arg-type]


def whole(name: str, layout: str, rows: list[Row], folder: Path) -> bytes:
    """Return the output of two shards."""
    form = output_format(name, layout, TITLES)  # type: ignore[arg-type]
    shards = []
    for i, part in enumerate((rows[:7], [], rows[7:])):
        encoded = [form.encode(row) for row in part]
        assert all(size > 40 for _, size in encoded)
        path = folder / f"{i}{form.suffix}"
        with path.open("wb") as file:
            form.write([data for data, _ in encoded], file)
        shards.append(path)
    out = io.BytesIO()
    form.assemble(shards, out)
    return out.getvalue()


def test_nested_is_the_same_in_all_formats(rows: list[Row], tmp_path: Path) -> None:
    lines = whole("jsonl", "nested", rows, tmp_path).splitlines()
    assert [json.loads(line) for line in lines] == rows
    pq = pytest.importorskip("pyarrow.parquet")
    table = pq.read_table(io.BytesIO(whole("parquet", "nested", rows, tmp_path)))
    assert table.to_pylist() == rows
    text = whole("csv", "nested", rows, tmp_path).decode()
    cells = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(cells[0]) == NESTED == tuple(rows[0])
    for found, row in zip(cells, rows, strict=True):
        assert found["id"] == row["id"] == 'D "1", \ufffd\n=x'
        assert json.loads(found["taxonomies"]) == row["taxonomies"]
        assert found["screening"] == ""


def test_flat_is_the_same_in_all_formats(rows: list[Row], tmp_path: Path) -> None:
    lines = whole("jsonl", "flat", rows, tmp_path).splitlines()
    found = [json.loads(line) for line in lines]
    assert {(one["record"], one["label"]) for one in found if one["label"]} == {
        (row["record"], label) for row in rows for label in row["assigned"] + row["possible"]
    }
    assert {one["record"] for one in found} == set(range(12))
    assert any(one["label"] is None for one in found)
    assert all(one["title_ja"].startswith("題名") for one in found if one["label"])
    pq = pytest.importorskip("pyarrow.parquet")
    table = pq.read_table(io.BytesIO(whole("parquet", "flat", rows, tmp_path)))
    assert table.to_pylist() == found
    text = whole("csv", "flat", rows, tmp_path).decode()
    cells = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(cells[0]) == FLAT
    assert [one["calibrated"] for one in cells] == [
        {True: "true", None: ""}[one["calibrated"]] for one in found
    ]


@pytest.mark.parametrize(("limit", "expected"), [(1, [7, 5]), (1 << 20, [12])])
def test_a_row_group_has_the_shards_that_memory_holds(
    limit: int,
    expected: list[int],
    rows: list[Row],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(formats, "GROUP_BYTES", limit)
    file = pq.ParquetFile(io.BytesIO(whole("parquet", "nested", rows, tmp_path)))
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert [size for size in sizes if size] == expected
    assert [row["record"] for row in file.read().to_pylist()] == list(range(12))


@pytest.mark.parametrize("name", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_records_give_an_empty_output(name: str, layout: str, tmp_path: Path) -> None:
    data = whole(name, layout, [], tmp_path)
    if name == "parquet":
        pq = pytest.importorskip("pyarrow.parquet")
        table = pq.read_table(io.BytesIO(data))
        assert (table.num_rows, tuple(table.column_names)) == (
            0,
            NESTED if layout == "nested" else FLAT,
        )
    else:
        assert data.count(b"\n") == (1 if name == "csv" else 0)


def test_the_format_goes_by_the_suffix() -> None:
    assert format_of(Path("a.b.PARQUET")) == "parquet"
    assert format_of(Path("a.ndjson")) == "jsonl"
    with pytest.raises(InputError, match="say --format"):
        format_of(Path("a.xlsx"))


def test_the_report_escapes_what_it_shows() -> None:
    from critech.batch.report import html_report

    tally = Tally(rows=2, slowest=[(1.0, "<script>.jsonl", 0, 3)])
    tally.assigned[LABELS[0]] = 2
    tally.rejected["not_json"] = 1
    page = html_report(tally, {LABELS[0]: ("A & B", "")}, {"inputs": ["<b>"]}, [])
    assert "<script>" not in page
    assert "&lt;script&gt;.jsonl" in page
    assert "01 A &amp; B: 2" in page
    assert "<b>" not in page
    assert page.count("<svg") == 2
