"""Files, folders, archives, packed files, standard input and URLs, and how they break off."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import critech.batch.reading.sources
from critech.batch.reading import FieldMapping, Limits, plan, read
from critech.batch.reading.archives import members
from critech.batch.reading.formats import Format
from critech.batch.reading.limits import DEFAULT_LIMITS
from critech.batch.reading.streams import unpacked_head
from critech.batch.records import Record, Rejected
from critech.errors import InputError

REPLICAS = Path(__file__).parent / "replicas"
GRANT = (REPLICAS / "us_grant.xml").read_bytes()
APPLICATION = (REPLICAS / "us_application.xml").read_bytes()
LINES = b"".join(
    b'{"id": "d%d", "text": "%s"}\n'
    % (n, hashlib.sha256(bytes([n % 251] * n)).hexdigest().encode())
    for n in range(3000)
)
THREE = b"".join(LINES.splitlines(keepends=True)[:3])


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return packed


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), data)
    return buffer.getvalue()


def items(
    *names: Path | str, limits: Limits = DEFAULT_LIMITS, format: Format | None = None
) -> list[Record | Rejected]:
    return list(read([str(name) for name in names], limits=limits, format=format))


def ids(found: list[Record | Rejected]) -> list[str | None]:
    assert all(isinstance(item, Record) for item in found), found
    return [item.id for item in found]


def only_fault(found: list[Record | Rejected]) -> Rejected:
    *records, last = found
    assert all(isinstance(item, Record) for item in records)
    assert isinstance(last, Rejected)
    return last


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.data"])
def test_packed_files_are_told_by_their_bytes(
    tmp_path: Path, pack: Callable[[bytes], bytes], name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(LINES[:100]) + pack(LINES[100:]))
    assert len(ids(items(path))) == 3000


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_cut_file_gives_what_was_read_and_one_rejection(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    whole = pack(LINES * 5)
    (tmp_path / "a.jsonl").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.jsonl").write_bytes(THREE)
    found = items(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    faults = [item for item in found if isinstance(item, Rejected)]
    (cut,) = [item for item in faults if item.reason == "cut_off"]
    assert cut.position.record > 1000
    assert found[-1].position.source.endswith("b.jsonl")
    assert len({(item.position.source, item.position.record) for item in found}) == len(found)


def broken(path: Path, lines: list[bytes]) -> Path:
    """Write a gzip file that holds the lines, each flushed by itself, and breaks off."""
    with gzip.open(path, "wb") as file:
        for line in lines:
            file.write(line)
            file.flush()
    path.write_bytes(path.read_bytes()[:-10])  # without its end
    return path


@pytest.mark.parametrize(("n_lines", "size"), [(1, 40_000), (20, 40_000), (30, 40_000), (99, 900)])
def test_a_file_that_breaks_off_among_its_first_lines_gives_them(
    tmp_path: Path, n_lines: int, size: int
) -> None:
    line = b'{"text": "%s"}\n' % (b"x" * size)
    found = items(broken(tmp_path / "a.jsonl.gz", [line] * n_lines))
    cut = only_fault(found)
    assert (cut.reason, cut.position.record) == ("cut_off", len(found) - 1)
    assert (n_lines - len(found) + 1) * len(line) < len(line) + 16_384  # what may be lost


def test_a_file_that_breaks_off_before_its_columns_costs_itself_alone(tmp_path: Path) -> None:
    lines = [b'{"other": "%s"}\n' % (b"x" * 40_000), b'{"text": "%s"}\n' % (b"x" * 40_000)]
    path = broken(tmp_path / "a.jsonl.gz", lines)
    (tmp_path / "b.jsonl").write_bytes(THREE)
    found = items(path, tmp_path / "b.jsonl")
    assert [getattr(item, "reason", None) for item in found] == ["cut_off", None, None, None]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_bomb_is_refused(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(pack(b'{"text": "a"}\n' + b" " * 60_000_000))
    assert only_fault(items(path)).reason == "expands_too_much"
    fault = only_fault(items(path, limits=Limits(expanded_bytes=1_000_000, expansion_ratio=10**6)))
    assert fault.message == "source: unpacks to more than 1000000 bytes"


def test_an_archive_that_is_a_bomb_is_refused_over_all_its_members(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(**{f"{n}_DOT_xml": GRANT + b" " * 800_000 for n in range(3)}))
    found = items(path, limits=Limits(expansion_ratio=100, expansion_floor=1_000_000))
    assert [getattr(item, "reason", None) for item in found] == [
        None,
        "expands_too_much",
        "expands_too_much",
    ]


def test_members_of_archives_also_one_inside(tmp_path: Path) -> None:
    inner = zipped(ipg_DOT_xml=GRANT + APPLICATION, lst_DOT_txt=b"a list", TOC_DOT_xml=b"<toc/>")
    path = tmp_path / "week.zip"
    path.write_bytes(zipped(DOC__B1__one_DOT_zip=inner, a_DOT_pdf=b"%PDF", z_DOT_xml=APPLICATION))
    found = items(path)
    assert ids(found) == ["US99000001B2", "US20990000002A1", "US20990000002A1"]
    sources = [item.position.source for item in found]
    assert sources == [f"{path}!DOC/B1/one.zip!ipg.xml"] * 2 + [f"{path}!z.xml"]
    assert str(plan([str(path)])) == f"{path}: xml; files: 2 read, 3 passed over"


def test_a_third_level_and_a_broken_member_are_rejected_alone(tmp_path: Path) -> None:
    third = zipped(b_DOT_zip=zipped(c_DOT_zip=zipped(d_DOT_xml=GRANT)))
    (tmp_path / "deep.zip").write_bytes(zipped(a_DOT_zip=third, z_DOT_xml=GRANT))
    found = items(tmp_path / "deep.zip")
    assert [getattr(item, "reason", None) for item in found] == ["nested_too_deep", None]
    broken = zipped(a_DOT_zip=b"PK\3\4 nothing", z_DOT_xml=GRANT)
    (tmp_path / "broken.zip").write_bytes(broken)
    found = items(tmp_path / "broken.zip")
    assert [getattr(item, "reason", None) for item in found] == ["cut_off", None]


def test_members_of_one_name_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.xml", GRANT)
        archive.writestr("a.xml", APPLICATION)
    found = items(path)
    assert ids(found) == ["US99000001B2", "US20990000002A1"]
    assert [item.position.source[-7:] for item in found] == ["p!a.xml", "a#2.xml"]


def test_a_name_that_many_members_have_is_numbered_on() -> None:
    """Counting from 2 for each of them takes minutes."""
    data = zipped(a_DOT_xml=b"")
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    counts = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0, 0, 50_000 * (end - start), start, 0)
    many = data[:start] + data[start:end] * 50_000 + counts
    names = [member.name for member in members(io.BytesIO(many), DEFAULT_LIMITS)]
    assert names == ["a.xml", *(f"a#{n}.xml" for n in range(2, 50_001))]


def test_the_names_of_an_archive_are_looked_through_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not again after each archive inside it."""
    inner = zipped(b_DOT_xml=APPLICATION)
    pairs = [{f"{n}a_DOT_txt": b"a", f"{n}b_DOT_zip": inner if n % 2 else b"x"} for n in range(10)]
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(**{name: data for pair in pairs for name, data in pair.items()}))
    looked: list[tuple[str, ...]] = []

    def chosen(names: tuple[str, ...], given: Format | None) -> set[Format]:
        looked.append(names)
        return {"xml"}

    monkeypatch.setattr(critech.batch.reading.sources, "_chosen", chosen)
    found = items(path)
    assert [getattr(item, "reason", None) for item in found] == ["cut_off", None] * 5
    assert [len(names) for names in looked] == [20] + [1] * 5


def test_limits_of_archives(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(a_DOT_zip=zipped(b_DOT_xml=GRANT), c_DOT_xml=GRANT))
    assert only_fault(items(path, limits=Limits(archive_members=1))).reason == "too_many_members"
    found = items(path, limits=Limits(inner_archive_bytes=100))
    assert [getattr(item, "reason", None) for item in found] == ["too_large", None]


def with_end(archive: bytes, count: int, zip64: bool) -> bytes:
    """Return the archive with another number of members in its end record, or in one of Zip64."""
    end = archive.rindex(b"PK\5\6")
    size, start = struct.unpack_from("<2I", archive, end + 12)
    if not zip64:
        return archive[:end] + struct.pack(
            "<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, 0
        )
    return b"".join(
        (
            archive[:end],
            struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start),
            struct.pack("<4sIQI", b"PK\6\7", 0, end, 1),
            struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0),
        )
    )


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("count", [1, 200])
def test_a_directory_beyond_the_limits_is_refused_before_it_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, zip64: bool
) -> None:
    data = with_end(zipped(**{f"{n}__": b"" for n in range(199)}, x_DOT_xml=GRANT), count, zip64)
    (tmp_path / "x.zip").write_bytes(data)
    (tmp_path / "outer.zip").write_bytes(zipped(a_DOT_zip=data, b_DOT_xml=GRANT))
    names = [str(tmp_path / "x.zip"), str(tmp_path / "outer.zip")]
    assert ids(items(*names)) == ["US99000001B2"] * 3
    assert ids(items(*names, limits=Limits(archive_members=200))) == ["US99000001B2"] * 3
    listed: list[str] = []

    class Listed(zipfile.ZipInfo):
        def __init__(self, name: str) -> None:
            listed.append(name)
            super().__init__(name)

    monkeypatch.setattr(zipfile, "ZipInfo", Listed)
    for limits, reason, most in (
        (Limits(archive_members=199), "too_many_members", "199 members"),
        (Limits(directory_bytes=9_000), "too_large", "9000 bytes"),
    ):
        found = items(*names, limits=limits)
        assert [getattr(item, "reason", None) for item in found] == [reason, reason, None]
        assert all(most in item.message for item in found[:2] if isinstance(item, Rejected))
    assert set(listed) == {"a.zip", "b.xml"}


def test_a_folder_of_plain_text(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name, text in (("b.txt", "two"), ("a.txt", "一"), ("sub/c.txt", "three"), (".d.txt", "x")):
        (tmp_path / name).write_text(text)
    (tmp_path / ".hidden" / "e.txt").write_text("x")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    found = items(tmp_path)
    assert ids(found) == ["a.txt", "b.txt", "sub/c.txt"]
    assert [item.position.source for item in found] == [
        f"{tmp_path}/{name}" for name in ("a.txt", "b.txt", "sub/c.txt")
    ]
    assert str(plan([str(tmp_path)])) == f"{tmp_path}: text; files: 3 read, 2 passed over"


def test_links_to_folders_are_not_followed_and_counted(tmp_path: Path) -> None:
    other, folder = tmp_path / "other", tmp_path / "folder"
    for path in (other, folder, folder / "sub"):
        path.mkdir()
    for path in (other / "x.jsonl", folder / "y.jsonl", tmp_path / "z.jsonl"):
        path.write_bytes(THREE)
    (folder / "sub" / "other.csv").symlink_to(other)  # its name is not that of a file
    (folder / "circle").symlink_to(folder)
    (folder / ".hidden").symlink_to(other)
    (folder / "z.jsonl").symlink_to(tmp_path / "z.jsonl")
    assert {item.position.source for item in items(folder)} == {
        f"{folder}/y.jsonl",
        f"{folder}/z.jsonl",
    }
    line = f"{folder}: jsonl; files: 2 read, 2 passed over; id=id text=text; links to folders are"
    assert str(plan([str(folder)])) == f"{line} not followed"


def test_a_folder_of_links_to_folders_alone_says_so(tmp_path: Path) -> None:
    for name in ("other", "folder"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "x.jsonl").write_bytes(THREE)
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "other")
    with pytest.raises(InputError, match="known format; links to folders are not followed"):
        plan([str(tmp_path / "folder")])


def test_the_plan_shows_each_mapping_of_a_folder(tmp_path: Path) -> None:
    for name, column in (("a", "abstract"), ("b", "body"), ("c", "abstract"), ("d", "body")):
        (tmp_path / f"{name}.csv").write_text(f"id,{column}\n1,one\n")
    assert str(plan([str(tmp_path)])) == (
        f"{tmp_path}: csv; files: 4 read, 0 passed over; id=id text=abstract\n"
        f"  {tmp_path}/b.csv: csv; id=id text=body"
    )


def test_the_plan_shows_ten_other_mappings_and_counts_the_files_of_more(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(14):
            case = "".join(c.upper() if number >> i & 1 else c for i, c in enumerate("text"))
            archive.writestr(f"{number:02}.csv", f"id,{case}\n1,one\n")
    first, *others, last = str(plan([str(tmp_path / "x.zip")])).split("\n")
    assert first.endswith("x.zip: csv; files: 14 read, 0 passed over; id=id text=text")
    assert len(others) == 10
    assert others[0].endswith("x.zip!01.csv: csv; id=id text=Text")
    assert last == "  files with still other columns: 3"


NO_COLUMNS = "patent XML and plain text have none, their fields are fixed"


@pytest.mark.parametrize("given", ["folder", "folder/a.xml", "folder/b.txt", "x.zip", "-"])
def test_a_column_named_where_no_input_has_columns_is_refused(tmp_path: Path, given: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.xml").write_bytes(GRANT)
    (tmp_path / "folder" / "b.txt").write_text("a text")
    (tmp_path / "x.zip").write_bytes(zipped(a_DOT_xml=GRANT))
    name = "-" if given == "-" else str(tmp_path / given)
    mapping = FieldMapping(text="description", title="")
    with pytest.raises(InputError, match=f"^--field: names a column for text; {NO_COLUMNS}$"):
        plan([name], mapping, stdin=piped(GRANT))
    assert plan([name], FieldMapping(title="", claims=""), stdin=piped(GRANT)).sources


def test_a_column_named_for_some_inputs_is_noted_at_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(GRANT)
    (tmp_path / "b.csv").write_text("id,body\n1,one\n")
    (tmp_path / "c.jsonl").write_text('{"body": "one"}\n')
    names = [f"{tmp_path}/a.xml", f"{tmp_path}/c.jsonl"]
    note = f"--field names columns; {NO_COLUMNS}"
    mapping = FieldMapping(text="body")
    assert [source.notes for source in plan(names, mapping).sources] == [(note,), ()]
    assert plan([str(tmp_path)], mapping).sources[0].notes == (note,)
    assert ids(list(read([str(tmp_path)], mapping))) == ["US99000001B2", "1", None]


def test_plain_text_that_cannot_be_read_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xff")
    (tmp_path / "b.txt").write_bytes(b"x" * 2000)
    (tmp_path / "c.txt").write_bytes("日本語の文書".encode("cp932"))
    (tmp_path / "d.txt").write_bytes(b" \n")
    found = items(tmp_path, limits=Limits(document_bytes=1000))
    assert [getattr(item, "reason", None) for item in found] == [
        "bad_encoding",
        "too_large",
        None,
        "no_text",
    ]


def test_a_folder_with_other_formats_passes_notes_over(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(GRANT)
    (tmp_path / "readme.txt").write_text("a note")
    (tmp_path / "b.zip").write_bytes(zipped(c_DOT_xml=APPLICATION))
    (tmp_path / "d.csv").write_text("id,text\n1,one\n")
    assert ids(items(tmp_path)) == ["US99000001B2", "US20990000002A1", "1"]
    assert [r.id for r in read([str(tmp_path)], format="text")] == ["readme.txt"]


def test_order_is_that_of_the_inputs_and_nothing_is_read_twice(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    names = [f"{tmp_path}/c.txt", f"{tmp_path}/*.txt", f"{tmp_path}/./a.txt", str(tmp_path)]
    assert ids(items(*names)) == ["c.txt", "a.txt", "b.txt"]
    assert ids(items(tmp_path, f"{tmp_path}/a.txt")) == ["a.txt", "b.txt", "c.txt"]


def test_a_folder_and_one_in_it_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub" / "d.zip").write_bytes(zipped(e_DOT_txt=b"e"))
    (tmp_path / "link").symlink_to(tmp_path)
    sub, deep = tmp_path / "sub", tmp_path / "sub" / "deep"
    assert ids(items(sub, tmp_path, format="text")) == ["b.txt", "e.txt", "deep/c.txt", "a.txt"]
    for outer in (tmp_path, tmp_path / "link"):
        found = items(deep, sub, outer, format="text")
        assert ids(found) == ["c.txt", "b.txt", "e.txt", "a.txt"]


def test_a_folder_may_hold_nothing_that_is_not_read_before(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("a")
    names = [str(tmp_path / "sub"), str(tmp_path)]
    assert str(plan(names)).endswith(": nothing to read; files: 0 read, 1 passed over")
    assert ids(items(*names)) == ["a.txt"]


@pytest.mark.parametrize("data", [LINES, gzip.compress(LINES), zstd(LINES)])
def test_standard_input_is_sniffed_and_not_used_up_by_the_plan(data: bytes) -> None:
    stdin = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
    assert plan(["-"], stdin=stdin).sources[0].name == "-"
    found = list(read(["-"], stdin=stdin))
    assert len(ids(found)) == 3000
    assert found[-1].position.source == "-"


def test_formats_of_standard_input() -> None:
    def first(data: bytes, **given: str) -> Record | Rejected:
        stdin = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
        return next(iter(read(["-"], stdin=stdin, **given)))  # type: ignore[arg-type]

    assert first(GRANT).id == "US99000001B2"
    assert first(b"id,text\n1,one\n").id == "1"
    assert first(b"id\ttext\n1\tone\n").id == "1"
    assert first(b"plain words", format="text").id == "-"
    assert getattr(first(zipped(a_DOT_xml=GRANT)), "reason", "") == "not_readable"
    assert list(read(["-"], stdin=io.BufferedReader(io.BytesIO(b"")))) == []  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown format; give it with --format"):
        first(b"plain words")


def piped(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (THREE, "-: jsonl; id=id text=text"),
        (gzip.compress(LINES), "-: jsonl; id=id text=text"),
        (
            b'{"text": "a"}\n',
            "-: jsonl; title=heading text=text; not in the first line: title=heading",
        ),
        (b"number,body\n1,one\n", "-: csv; text=body"),
        (b"number\tbody\n1\tone\n", "-: tsv; text=body"),
    ],
)
def test_columns_of_standard_input_are_told_once_they_are_known(data: bytes, line: str) -> None:
    told: list[str] = []
    title = "heading" if "heading" in line else None
    items = read(
        ["-"], FieldMapping(title=title), stdin=piped(data), tell=lambda f: told.append(str(f))
    )
    assert next(items)
    assert told == [line]
    assert all(isinstance(item, Record) for item in items)
    assert told == [line]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
@pytest.mark.parametrize(
    ("data", "line"),
    [
        (THREE, "-: jsonl; columns are judged, and shown, when reading starts"),
        (LINES, "-: jsonl; columns are judged, and shown, when reading starts"),
        (b"id,text\n1,one\n", "-: csv; columns are judged, and shown, when reading starts"),
        (GRANT, "-: xml"),
    ],
)
def test_the_format_of_standard_input_is_told_by_its_unpacked_bytes(
    pack: Callable[[bytes], bytes], data: bytes, line: str
) -> None:
    stdin = piped(pack(data))
    if pack is zstd and data is LINES:  # its first block is longer than what can be looked at
        line = "-: format not known yet; columns are judged, and shown, when reading starts"
    assert str(plan(["-"], stdin=stdin)) == line
    assert all(isinstance(item, Record) for item in read(["-"], stdin=stdin))


def test_a_part_of_a_packed_stream_is_unpacked_as_far_as_it_goes() -> None:
    packed = gzip.compress(LINES)
    assert LINES.startswith(unpacked_head(packed[:1000]))
    assert len(unpacked_head(packed[:1000])) > 500
    for head in (packed[:5], zstd(LINES)[:50], b"\x1f\x8bnothing", b""):
        assert unpacked_head(head) == b""


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_archive_on_standard_input_is_refused_before_work(
    pack: Callable[[bytes], bytes],
) -> None:
    with pytest.raises(InputError, match=r"^-: a zip archive cannot be read from standard input"):
        plan(["-"], stdin=piped(pack(zipped(a_DOT_xml=GRANT))))


def test_empty_standard_input_is_nothing_to_read() -> None:
    assert str(plan(["-"], stdin=piped(b""))).startswith("-: nothing to read")


def test_files_are_not_told_of_as_the_plan_shows_them(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(THREE)
    told: list[str] = []
    assert len(list(read([str(tmp_path)], tell=lambda found: told.append(str(found))))) == 3
    assert told == []


def test_standard_input_without_any_object_is_refused() -> None:
    with pytest.raises(InputError, match=r"^-: no JSON object in the first 4 lines"):
        list(read(["-"], stdin=piped(b'{\n"id": 1,\n"text": "a"\n}'), format="jsonl"))
    with pytest.raises(InputError, match="no such column for text"):
        list(read(["-"], FieldMapping(text="body"), stdin=piped(THREE)))


NO_OBJECT = b'{\n"id": 1,\n"text": "a"\n}'


@pytest.mark.parametrize("tells", [False, True])
def test_standard_input_is_judged_whether_anybody_is_told_or_not(tells: bool) -> None:
    told: list[str] = []
    tell = (lambda found: told.append(str(found))) if tells else None
    for data, mapping in ((NO_OBJECT, None), (THREE, FieldMapping(text="body"))):
        with pytest.raises(InputError):
            list(read(["-"], mapping, stdin=piped(data), format="jsonl", tell=tell))
        found = list(
            read(["-"], mapping, stdin=piped(data), format="jsonl", tell=tell, judge_stdin=False)
        )
        assert len(found) == (4 if mapping is None else 3)
        assert all(isinstance(item, Rejected) for item in found)
    assert told == []
    assert len(ids(list(read(["-"], stdin=piped(THREE), tell=tell, judge_stdin=False)))) == 3
    assert told == (["-: jsonl; id=id text=text"] if tells else [])


def test_standard_input_that_breaks_off_before_its_columns_is_not_judged_unless_asked(
    tmp_path: Path,
) -> None:
    path = broken(tmp_path / "a.jsonl.gz", [b'{"other": "%s"}\n' % (b"x" * 40_000)])
    told: list[str] = []
    for judge in (False, True):
        stdin = piped(path.read_bytes())
        *_, fault = read(
            ["-"],
            stdin=stdin,
            format="jsonl",
            tell=lambda found: told.append(str(found)),
            judge_stdin=judge,
        )
        assert getattr(fault, "reason", "") == "cut_off"
    assert told == []


def test_urls_are_read_through_fsspec() -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file("/dump/b.jsonl", THREE)
    store.pipe_file("/dump/a.jsonl.gz", gzip.compress(b'{"id": "first", "text": "t"}'))
    store.pipe_file("/dump/w.zip", zipped(a_DOT_xml=GRANT))
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"]}), buffer)
    store.pipe_file("/dump/t.parquet", buffer.getvalue())
    found = items("memory://dump/*.jsonl*", "memory://dump/w.zip", "memory://dump/t.parquet")
    assert found[0].id == "first"
    assert found[0].position.source == "memory:///dump/a.jsonl.gz"
    assert found[-3].position.source == "memory:///dump/w.zip!a.xml"
    assert len(ids(found)) == 1 + 3 + 1 + 2
    for url in ("memory://dump/none.jsonl", "memory://dump/*.csv", "nostore://x/y"):
        with pytest.raises(InputError, match=r"^" + url.replace("*", r"\*")):
            items(url)


@pytest.mark.parametrize("name", ["x.jsonl", "*.jsonl"])
def test_a_refused_connection_is_no_missing_file(name: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{held.getsockname()[1]}/{name}"
        with pytest.raises(InputError, match="/" + re.escape(name) + ": cannot be reached$"):
            items(url)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, ": no such file; name a folder's files by a glob"),
        (410, ": no such file; "),
        (403, r": cannot be opened \(status 403\)"),
        (503, r": cannot be opened \(status 503\)"),
    ],
)
def test_what_a_server_refuses_is_told_by_its_status(status: int, said: str) -> None:
    with (
        serving(lambda handler: handler.send_error(status)) as address,
        pytest.raises(InputError, match=f"^{address}/x.jsonl{said}"),
    ):
        items(f"{address}/x.jsonl")


def test_a_file_of_a_server_is_read() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(len(THREE)))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(THREE)

    with serving(answer) as address:
        assert len(items(f"{address}/x.jsonl")) == 3


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Yield the address of a server on this machine that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def do_HEAD(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(30)


@pytest.mark.parametrize("url", ["nostore://x/y.jsonl", "s3://bucket/x.jsonl"])
def test_a_store_without_its_package_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    hint = "fsspec cannot read this kind of address; is the storage's package installed"
    with pytest.raises(InputError, match=f"^{url}: {hint}"):
        items(url)


def test_a_store_that_does_not_say_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("a secret")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "info", refuse)
    with pytest.raises(InputError, match=r"^memory://dump/x\.jsonl: cannot be reached$"):
        items("memory://dump/x.jsonl")


def test_parquet_in_an_archive_or_packed_is_rejected(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"]}), buffer)
    (tmp_path / "x.zip").write_bytes(zipped(a_DOT_parquet=buffer.getvalue()))
    (tmp_path / "x.parquet.gz").write_bytes(gzip.compress(buffer.getvalue()))
    assert only_fault(items(tmp_path / "x.zip")).reason == "not_seekable"
    assert only_fault(items(tmp_path / "x.parquet.gz")).reason == "cut_off"


@pytest.mark.parametrize("name", ["none.jsonl", "none*.jsonl", "empty", "n" * 300, "n\0"])
def test_what_is_not_there_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        plan([str(tmp_path / name)])
    assert caught.value.field == str(tmp_path / name)


def test_an_unknown_format_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\0\1\2")
    with pytest.raises(InputError, match="unknown format"):
        plan([str(tmp_path / "x.bin")])
    with pytest.raises(InputError, match=r"^format: expected one of jsonl, csv"):
        plan([str(tmp_path / "x.bin")], format="pdf")  # type: ignore[arg-type]


def test_a_damaged_file_among_others_is_a_note_in_the_plan(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINES)[:12])
    (tmp_path / "b.jsonl").write_bytes(LINES)
    (source,) = plan([str(tmp_path)]).sources
    assert source.files == 2
    assert len(source.notes) == 1
    found = items(tmp_path)
    assert isinstance(found[0], Rejected)
    assert len(ids(found[1:])) == 3000


def test_a_file_that_goes_away_is_one_rejection(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    reading = read([str(tmp_path)])
    assert next(reading).id == "a.txt"
    (tmp_path / "b.txt").unlink()
    assert getattr(next(reading), "reason", "") == "not_readable"


def test_empty_files_hold_nothing(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.csv", "c.xml"):
        (tmp_path / name).write_bytes(b"")
    assert items(tmp_path) == []
    assert plan([str(tmp_path)]).sources[0].files == 3


@pytest.mark.parametrize(
    ("module", "name", "data"),
    [
        ("lxml.etree", "x.xml", GRANT),
        ("lxml.etree", "x.data", GRANT),
        ("pyarrow", "x.jsonl.zst", zstd(LINES)),
        ("pyarrow.parquet", "x.parquet", b"PAR1"),
    ],
)
def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    monkeypatch.setitem(sys.modules, module, None)
    for call in (plan, lambda names: list(read(names))):
        with pytest.raises(InputError, match=f"needs the package {module.partition('.')[0]}"):
            call([str(tmp_path / name)])


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_bytes(THREE)
    assert len(ids(items(tmp_path))) == 3
    with pytest.raises(InputError, match="a pipe is read as standard input"):
        items(tmp_path / "a.jsonl")


def test_an_encrypted_member_is_rejected_alone(tmp_path: Path) -> None:
    data = bytearray(zipped(a_DOT_xml=GRANT, b_DOT_xml=APPLICATION))
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + at] |= 1
    (tmp_path / "x.zip").write_bytes(data)
    found = items(tmp_path / "x.zip")
    assert [getattr(item, "reason", None) for item in found] == ["not_readable", None]


def test_an_archive_of_plain_text_takes_the_names_as_ids(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zipped(b__one_DOT_txt=b"one", a_DOT_txt=b"two"))
    assert ids(items(tmp_path / "x.zip")) == ["b/one.txt", "a.txt"]


def test_reading_needs_no_extra_for_plain_formats() -> None:
    code = (
        "import sys, critech.batch.reading; print('pyarrow' in sys.modules, 'lxml' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False False\n"
