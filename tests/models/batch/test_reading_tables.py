"""Rows of JSONL, CSV, TSV and Parquet: the records in them, and what is wrong with the others."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from critech.batch.reading import FieldMapping, Limits, plan, read
from critech.batch.reading.fields import date_of
from critech.batch.reading.limits import DEFAULT_LIMITS
from critech.batch.records import Position, Record, Rejected
from critech.errors import InputError
from critech.frames import items_of_frame

ROW = {
    "publication_number": "JP2099000001A",
    "title": "装置, 「引用」",
    "abstract": '一行目を読み取る。\n二行目, "引用"',
    "claims": "請求項１。",
    "lang": "JA",
    "ipc": "G21C 3/00; H01L 21/02",
    "filing_date": "20960214",
}
EXPECTED = Record(
    Position("", 0),
    ROW["abstract"],
    ROW["publication_number"],
    ROW["title"],
    ROW["claims"],
    None,
    "ja",
    ("G21C 3/00", "H01L 21/02"),
    dt.date(2096, 2, 14),
)


def items(path: Path, limits: Limits = DEFAULT_LIMITS, **given: str) -> list[Record | Rejected]:
    mapping = FieldMapping(**{k: v for k, v in given.items() if k != "encoding"})
    return list(read([str(path)], mapping, limits, encoding=given.get("encoding")))


def reasons(found: list[Record | Rejected]) -> list[str | None]:
    return [getattr(item, "reason", None) for item in found]


def same_fields(found: Record | Rejected, expected: Record = EXPECTED) -> bool:
    assert isinstance(found, Record), found
    return {**vars(found), "position": 0} == {**vars(expected), "position": 0}


def write_csv(path: Path, encoding: str, delimiter: str = ",") -> Path:
    def quoted(value: str) -> str:
        return '"' + value.replace('"', '""') + '"'

    rows = [ROW.keys(), ROW.values(), ROW.values()]
    text = "\r\n".join(delimiter.join(map(quoted, row)) for row in rows)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_json_lines(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(mark + json.dumps(ROW) + "\n\n" + json.dumps(ROW, ensure_ascii=False))
    first, second = items(path)
    assert same_fields(first)
    assert same_fields(second)
    assert second.position == Position(str(path), 1, 3)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"text": "a", "id": ' + b"9" * 5000 + b"}", "not_json"),
        (b"[1]", "not_an_object"),
        (b'{"text": "\xff"}', "bad_encoding"),
        (b'{"text": ""}', "no_text"),
        (b'{"text": null}', "no_text"),
        (b"{}", "no_text"),
        (b'{"text": 3}', "bad_type"),
        (b'{"text": "a", "id": 1.5}', "bad_type"),
        (b'{"text": "a", "id": true}', "bad_type"),
        (b'{"text": "a", "ipc": {"x": 1}}', "bad_type"),
        (b'{"text": "a", "ipc": [1]}', "bad_type"),
        (b'{"text": "a", "claims": [1]}', "bad_type"),
        (b'{"text": "a", "filing_date": "1.4.2020"}', "bad_date"),
        (b'{"text": "a", "filing_date": 20209999}', "bad_date"),
        (b'{"text": "a", "id": "' + b"i" * 201 + b'"}', "id_too_long"),
        (b'{"text": "a", "title": "' + b"t" * 2001 + b'"}', "title_too_long"),
        (b'{"text": "' + b"a" * 500_001 + b'"}', "text_too_long"),
        (b'{"text": "' + b"a" * 5_000_001 + b'"}', "too_large"),
    ],
)
def test_a_bad_line_costs_one_record(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "x.jsonl"
    good = b'{"text": "a", "id": "g", "title": "t", "ipc": [], "claims": "", "filing_date": null}\n'
    path.write_bytes(good + line + b"\n" + good)
    found = items(path)
    assert reasons(found) == [None, reason, None]
    assert [item.position.line for item in found] == [1, 2, 3]


def test_values_of_other_types_are_taken_where_they_are_clear(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    row = {"id": 7, "text": "a\ud800", "claims": ["1. x", "2. y"], "ipc": ["A01B 1/00"] * 2}
    path.write_text(json.dumps({**row, "filing_date": "2020-01-02T00:00:00Z", "lang": "fr"}))
    (found,) = items(path)
    assert isinstance(found, Record)
    assert (found.id, found.text, found.claims) == ("7", "a\ufffd", "1. x\n2. y")
    assert (found.ipc, found.language) == (("A01B 1/00",), None)
    assert found.filing_date == dt.date(2020, 1, 2)


def test_a_given_key_may_come_after_the_first_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    late = '{"text": "a", "heading": "late"}\n'
    path.write_text('{"text": "a"}\n' * 111 + late)
    found = items(path, title="heading")
    assert [getattr(item, "title", None) for item in found] == [None] * 111 + ["late"]
    (source,) = plan([str(path)], FieldMapping(title="heading")).sources
    assert source.notes == ("not in the first 100 lines: title=heading",)
    assert source.fields() == {"text": "text", "title": "heading"}


@pytest.mark.parametrize("later", ["", '{"id": "a"}\n' * 111 + '{"body": "late"}\n'])
def test_a_given_key_of_the_text_is_among_the_first(later: str, tmp_path: Path) -> None:
    path, mapping = tmp_path / "x.jsonl", FieldMapping(text="body")
    path.write_text('{"id": "a"}\n' * 3 + later)
    with pytest.raises(InputError, match=r"no such column for text; columns found: id$"):
        plan([str(path)], mapping)
    (tmp_path / "y.jsonl").write_text('{"body": "b"}\n')
    (planned,) = plan([str(tmp_path)], mapping).sources
    assert "no such column for text" in planned.notes[0]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_given_column_that_a_header_lacks_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    pq.write_table(pa.table({"text": ["a"]}), path)
    if name == "x.csv":
        path.write_text("id,text\n1,a\n")
    for call in (plan, lambda *given: list(read(*given))):
        with pytest.raises(InputError, match="no such column for title"):
            call([str(path)], FieldMapping(title="heading"))


NO_OBJECTS = {
    "array.json": b'[\n  {"id": 1, "text": "a"},\n  {"id": 2, "text": "b"},\n  {\n  }\n]\n',
    "indented.json": b'{\n  "id": 1,\n  "text": "a"\n}\n',
    "one.json": b'[{"id": 1, "text": "a"}]',
    "broken.jsonl": b'{"id": 1, "text":\n' * 250,
    "other.jsonl": '{"id": 1, "text": "a"}\n'.encode("utf-16"),
}


@pytest.mark.parametrize("name", NO_OBJECTS)
def test_a_file_without_any_object_is_refused_alone_and_costs_itself_among_others(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(NO_OBJECTS[name])
    n_lines = len([line for line in NO_OBJECTS[name].split(b"\n") if line.strip()])
    many = "the first line" if n_lines == 1 else f"the first {min(n_lines, 100)} lines"
    message = f"{path}: no JSON object in {many}; expected one on each line"
    for only in (path, tmp_path):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            plan([str(only)])
    (tmp_path / "z.jsonl").write_text('{"id": "z", "text": "a"}\n')
    (source,) = plan([str(tmp_path)]).sources
    assert (source.files, source.notes) == (2, (message,))
    found = items(tmp_path)
    assert found[-1].id == "z"
    assert [type(item) for item in found] == [Rejected] * n_lines + [Record]
    assert [item.position.record for item in found[:-1]] == list(range(n_lines))
    assert len(plan([str(path), str(tmp_path / "z.jsonl")]).sources) == 2


def test_an_array_of_rows_is_refused_alone_though_its_last_row_is_an_object(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.json"
    path.write_text('[\n{"id": 1, "text": "a"},\n{"id": 2, "text": "b"}\n]\n')
    with pytest.raises(InputError, match="a JSON array; expected an object on each line"):
        plan([str(path)])
    path.write_text('[1]\n{"id": 1, "text": "a"}\n')
    assert plan([str(path)]).sources[0].notes == ()


def test_objects_behind_a_hundred_broken_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "b.jsonl").write_text("{\n" * 120 + '{"text": "b", "title": "t"}\n')
    found = items(tmp_path)
    assert reasons(found) == [None, *["not_json"] * 120, None]
    assert found[-1].position == Position(f"{tmp_path}/b.jsonl", 120, 121)
    (tmp_path / "b.jsonl").write_text("{\n" * 120 + '{"name": "b"}\n' * 9)
    found = items(tmp_path)
    assert reasons(found) == [None, *["not_json"] * 100, "no_text"]
    message = "source: no column for the text; columns found: name; say --field text=NAME"
    assert getattr(found[-1], "message", "") == message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932"])
@pytest.mark.parametrize(("name", "delimiter"), [("x.csv", ","), ("x.csv", ";"), ("x.tsv", "\t")])
def test_delimited(tmp_path: Path, encoding: str, name: str, delimiter: str) -> None:
    path = write_csv(tmp_path / name, encoding, delimiter)
    first, second = items(path)
    assert same_fields(first)
    assert same_fields(second)
    assert (first.position.line, second.position.line) == (2, 4)
    notes = plan([str(path)]).sources[0].notes
    assert bool(notes) == (encoding == "cp932")


def test_an_encoding_can_be_given(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", "euc_jp")
    with pytest.raises(InputError, match="the encoding has to be given"):
        plan([str(path)])
    assert same_fields(items(path, encoding="euc_jp")[0])
    with pytest.raises(InputError, match=r"^encoding: expected one of utf-8, "):
        items(path, encoding="ebcdic")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"2,two", "wrong_columns"),
        (b"2,two,x,y", "wrong_columns"),
        (b"2,tw\xffo,x", "bad_encoding"),
        (b'2,"two"x,y', "bad_quotes"),
        (b'2,"two,x', "bad_quotes"),
        (b"2,,x", "no_text"),
        (b"2," + b"t" * 2000 + b",x", "too_large"),
    ],
)
def test_a_bad_row_costs_one_record(tmp_path: Path, row: bytes, reason: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,text,n\n1,one,x\n" + row + b'\n3,"three",x\n4,four,x\n')
    found = items(path, Limits(record_bytes=1000))
    assert reasons(found) == [None, reason, None, None]
    assert [item.position.line for item in found] == [2, 3, 4, 5]


@pytest.mark.parametrize("between", [2, 20, 60])
def test_a_stray_quote_costs_one_record_however_many_there_are(
    tmp_path: Path, between: int
) -> None:
    path = tmp_path / "x.csv"
    good = b"1,some text of a row\n" * between
    path.write_bytes(b"id,text\n" + (good + b'2,"some text\n') * 100 + good)
    found = items(path, Limits(record_bytes=1000))  # 60 rows are more than that
    reason = "too_large" if between == 60 else "bad_quotes"
    rows = [None] * between
    assert reasons(found) == [*rows, *([reason, *rows] * 100)]


def test_stray_quotes_everywhere_are_read_in_bounded_time(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,text\n" + b'a","b\n' * 5000)
    found = items(path, Limits(record_bytes=1000))
    assert set(reasons(found)) == {"too_large", "bad_quotes"}
    assert len(found) < 1000  # after enough rescans a rejection stands for more than one row
    messages = [item.message for item in found if isinstance(item, Rejected)]
    lost = [int(n) for each in messages for n in re.findall(r"; (\d+) lines after it", each)]
    assert len(found) + sum(lost) == 5000


def table(rows: int) -> pa.Table:
    row = {**ROW, "ipc": ROW["ipc"].split("; "), "filing_date": dt.date(2096, 2, 14)}
    return pa.Table.from_pylist([row] * rows)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(table(200), path, row_group_size=70)
    found = items(path)
    assert len(found) == 200
    assert all(same_fields(item) for item in found)
    assert [item.position.record for item in found] == list(range(200))


def test_a_damaged_row_group_costs_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(table(300), path, row_group_size=100, compression="zstd")
    data = bytearray(path.read_bytes())
    group = pq.ParquetFile(path).metadata.row_group(1)
    for index in range(group.num_columns):
        column = group.column(index)
        start = column.dictionary_page_offset or column.data_page_offset
        data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    found = items(path)
    assert reasons(found) == [None] * 100 + ["cut_off"] + [None] * 100
    assert found[100].position.record == 100
    assert found[101].position.record == 200


def test_a_row_group_that_expands_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows = pa.table({"text": ["a" * 100_000 + str(n) for n in range(100)]})
    pq.write_table(rows, path, compression="zstd", use_dictionary=False)
    assert reasons(items(path, Limits(expansion_floor=1_000_000))) == ["expands_too_much"]
    assert len(items(path)) == 100


def test_columns_of_a_nested_type_are_bad_records(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": [{"en": "a"}, {"en": "b"}]}), path)
    assert reasons(items(path)) == ["bad_type", "bad_type"]


def test_numbers_that_became_floats_beside_nulls_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    ids = pa.array([7.0, float("nan"), None, 12345678.0, 1.5, float("inf")])
    dates = pa.array([20200102.0, float("nan"), None, 20200102.0, None, None])
    texts = ["a", "b", "c", "d", "e", "f"]
    pq.write_table(pa.table({"id": ids, "text": texts, "filing_date": dates}), path)
    found = items(path)
    assert reasons(found) == [None, None, None, None, "bad_type", "bad_type"]
    assert [item.id for item in found] == ["7", None, None, "12345678", None, None]
    assert [getattr(item, "filing_date", None) for item in found[:4]] == [
        dt.date(2020, 1, 2),
        None,
        None,
        dt.date(2020, 1, 2),
    ]


def test_a_frame_and_its_parquet_have_the_same_ids(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"id": [7, None, 9], "text": ["a", "b", "c"]})
    frame.to_parquet(tmp_path / "x.parquet")
    columns = {"id": "id", "text": "text"}
    (block,) = items_of_frame(frame, columns)
    (arrow,) = items_of_frame(pa.table({"id": [7.0, None, 9.0], "text": ["a", "b", "c"]}), columns)
    expected = ["7", None, "9"]
    assert [item.id for item in items(tmp_path / "x.parquet")] == expected
    assert [item.id for item in block] == [item.id for item in arrow] == expected


def strings(*values: bytes) -> pa.Array:
    """Return a column of strings that are not looked at, as other writers leave them."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


def test_a_value_that_is_not_utf8_costs_its_row(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    ids = strings(b"a", b"b", b"CANARY\xff", b"d")
    texts = strings(b"one", b"CANARY\xff", b"three", b"four")
    lists = pa.ListArray.from_arrays([0, 1, 2, 3, 4], strings(b"A01B", b"A01B", b"A01B", b"\xff"))
    pq.write_table(pa.table({"id": ids, "text": texts, "ipc": lists}), path)
    found = items(path)
    assert reasons(found) == [None, "bad_encoding", "bad_encoding", "bad_encoding"]
    messages = [getattr(item, "message", "") for item in found[1:]]
    assert messages == ["text: not UTF-8", "id: not UTF-8", "ipc: not UTF-8"]
    assert [item.position.record for item in found] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "kind", [pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("us", "UTC")]
)
def test_a_date_beyond_the_year_9999_costs_its_row(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "x.parquet"
    beyond = {"date32[day]": 10**7, "date64[ms]": 10**15, "timestamp[s]": 10**12}.get(
        str(kind), 10**18
    )
    width = pa.int32() if kind == pa.date32() else pa.int64()
    dates = pa.array([0, beyond, 0], width).cast(kind)
    pq.write_table(pa.table({"text": ["a", "b", "c"], "filing_date": dates}), path)
    found = items(path)
    assert reasons(found) == [None, "bad_date", None]
    assert getattr(found[1], "message", "") == "filing_date: a value that cannot be read"
    assert reasons(items(path, filing_date="")) == [None, None, None]


def test_dates_of_an_unknown_time_zone_cost_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    dates = pa.array([0, None], pa.timestamp("us", "Nowhere/At_All"))
    pq.write_table(pa.table({"text": ["a", "b"], "filing_date": dates}), path)
    assert reasons(items(path)) == ["bad_date", None]


def test_the_plan_shows_columns_and_guesses(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "note": "n"}))
    (source,) = plan([str(path)]).sources
    assert source.columns == (*ROW, "note")
    assert str(source) == (
        f"{path}: jsonl; id=publication_number title=title text=abstract claims=claims "
        "language=lang ipc=ipc filing_date=filing_date"
    )


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("20240131", "2024-01-31"),
        (" 2024/1/3 ", "2024-01-03"),
        ("2024-01-31T10:00:00Z", "2024-01-31"),
        ("2024年3月1日", "2024-03-01"),
        ("２０２４年３月１日", "2024-03-01"),
        ("令和6年1月3日", "2024-01-03"),
        ("令和元年5月1日", "2019-05-01"),
        ("平成31年4月30日", "2019-04-30"),
        ("昭和63年12月31日", "1988-12-31"),
        ("2024-02-30", None),
        ("24年1月1日", None),
        ("元年1月1日", None),
        ("1.4.2020", None),
    ],
)
def test_dates_as_offices_write_them(text: str, date: str | None) -> None:
    found = date_of(text)
    assert (found and found.isoformat()) == date
