"""Target: the reader of newline-delimited JSON, fed in pieces."""

from __future__ import annotations

import itertools
import json

from critech_service.ndjson import BadLine, Line, LineReader

MAX_BYTES = 4_000
LIMITS = (1, 16, 64, 1_000)
Item = Line | BadLine


def one_input(data: bytes) -> None:
    """Check one input: a byte that chooses the limit, one that says how to cut, and a stream."""
    if len(data) < 2:
        return
    limit, step, stream = LIMITS[data[0] % len(LIMITS)], data[1] + 1, data[2:]
    whole = read([stream], limit)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert same(read(pieces, limit), whole), "where chunks end matters"
    lines = stream.split(b"\n")
    assert all(a.number < b.number for a, b in itertools.pairwise(whole)), "out of order"
    by_number = {item.number: item for item in whole}
    for number, line in enumerate(lines, 1):
        check_line(line, by_number.pop(number, None), limit, first=number == 1)
    assert not by_number, "more lines than were sent"


def read(chunks: list[bytes], limit: int) -> list[Item]:
    """Return all that a reader yields, checking that it holds no more than it may."""
    reader = LineReader(limit)
    found: list[Item] = []
    for chunk in chunks:
        found += reader.feed(chunk)
        assert len(reader._held) <= limit, "more is held than a line may have"
    return [*found, *reader.end()]


def same(one: list[Item], other: list[Item]) -> bool:
    """Return whether two readings are equal, down to the type of each value."""
    return repr(one) == repr(other)


def check_line(line: bytes, item: Item | None, limit: int, first: bool) -> None:
    """One bad line gives one error, a good one its value, which JSON can say again."""
    text = line.removeprefix(b"\xef\xbb\xbf") if first else line
    if len(line) > limit:
        assert isinstance(item, BadLine)
        assert item.fault == "too_long"
    elif not text.strip(b" \t\r"):
        assert item is None, "a blank line gives something"
    else:
        assert item is not None, "a line is lost"
        if isinstance(item, Line):
            written = json.dumps(item.value, allow_nan=False)
            assert repr(json.loads(written)) == repr(item.value)
            assert item.n_bytes <= limit
