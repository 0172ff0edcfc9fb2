import itertools
import json
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from critech_service.ndjson import BadLine, Line, LineReader

LIMIT = 64
Item = Line | BadLine


def read(chunks: Iterable[bytes], limit: int = LIMIT) -> list[Item]:
    reader = LineReader(limit)
    return [item for chunk in chunks for item in reader.feed(chunk)] + list(reader.end())


def cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


VALUES = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**9),
    st.text(max_size=6),
    st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
)
GOOD = VALUES.map(lambda value: (json.dumps(value).encode(), value))
BAD = st.sampled_from(
    [
        (b"{", "not_json"),
        (b"NaN", "not_json"),
        (b"-1e999", "not_json"),
        (b"[1,]", "not_json"),
        (b"1 2", "not_json"),
        (b"\xff", "not_utf8"),
        (b'"\xe3\x81"', "not_utf8"),
        (b'"\xed\xa0\x80"', "not_utf8"),
        (b"[" * (LIMIT + 1), "too_long"),
        (b" " * (LIMIT + 9), "too_long"),
        (b"1" * (3 * LIMIT), "too_long"),
    ]
)
BLANKS = st.sampled_from([b"", b"\r", b" \t", b"   \r"])
LINES = st.lists(
    st.one_of(
        GOOD.map(lambda good: ("good", good)),
        BAD.map(lambda bad: ("bad", bad)),
        BLANKS.map(lambda blank: ("blank", (blank, None))),
    ),
    max_size=12,
)


@given(LINES, st.lists(st.integers(0, 10_000), max_size=30), st.booleans(), st.booleans())
@example([("good", (b"1", 1))], [], False, False)
def test_every_line_gives_its_value_or_its_fault_wherever_chunks_are_cut(
    lines: list[tuple[str, tuple[bytes, object]]], cuts: list[int], last_feed: bool, crlf: bool
) -> None:
    newline = b"\r\n" if crlf else b"\n"
    data = newline.join(raw for _, (raw, _) in lines) + (newline if last_feed else b"")
    expected: list[tuple[int, str, object]] = []
    for number, (kind, (raw, value)) in enumerate(lines, 1):
        n_bytes = len(raw) + (crlf and (number < len(lines) or last_feed))
        if n_bytes > LIMIT:
            expected.append((number, "bad", "too_long"))
        elif kind != "blank":
            expected.append((number, kind, value))
    found = [
        (item.number, "good", item.value)
        if isinstance(item, Line)
        else (item.number, "bad", item.fault)
        for item in read(cut(data, cuts))
    ]
    assert found == expected


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=30))
def test_chunk_boundaries_change_nothing(data: bytes, cuts: list[int]) -> None:
    assert read(cut(data, cuts)) == read([data]) == read(data[i : i + 1] for i in range(len(data)))


def test_the_limit_is_exact() -> None:
    line = b'"' + b"x" * (LIMIT - 2) + b'"'
    assert read([line + b"\n1"]) == [Line(1, "x" * (LIMIT - 2), LIMIT), Line(2, 1, 1)]
    assert read([line]) == [Line(1, "x" * (LIMIT - 2), LIMIT)]
    assert read([line + b" \n1"]) == [BadLine(1, "too_long"), Line(2, 1, 1)]
    assert read([line + b" "]) == [BadLine(1, "too_long")]


def test_a_line_too_long_is_told_of_before_it_ends() -> None:
    reader = LineReader(LIMIT)
    assert list(reader.feed(b"x" * LIMIT)) == []
    assert list(reader.feed(b"x")) == [BadLine(1, "too_long")]
    assert list(reader.feed(b"x" * 1000)) == []
    assert list(reader.feed(b"\n2\n")) == [Line(2, 2, 1)]
    assert list(reader.end()) == []


def test_what_is_no_json_for_others() -> None:
    deep, digits = b"[" * 50_000, b"1" * 10_000
    assert read([deep, b"\n", digits, b"\n7"], 100_000) == [
        BadLine(1, "not_json"),
        BadLine(2, "not_json"),
        Line(3, 7, 1),
    ]


def test_a_byte_order_mark_stands_before_the_first_line_only() -> None:
    assert read([b"\xef\xbb", b"\xbf1\n\xef\xbb\xbf2"]) == [Line(1, 1, 1), BadLine(2, "not_json")]
    assert read([b"\xef\xbb\xbf\n5"]) == [Line(2, 5, 1)]


def test_a_line_separator_inside_a_string_ends_no_line() -> None:
    assert read(['"a\u2028b\u0085c"\n'.encode()]) == [Line(1, "a\u2028b\u0085c", 10)]


@pytest.mark.parametrize("piece", [b"x", b"x" * 65_536])
def test_a_line_without_end_takes_no_memory(piece: bytes) -> None:
    reader = LineReader(100_000)
    tracemalloc.start()
    for _ in range(110_000 if len(piece) == 1 else 100):
        list(reader.feed(piece))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000
