"""Newline-delimited JSON: chunks of bytes in, one value or one error for each line out.

Pure: no input, no output, no clock. Memory is bounded by the longest line allowed and the chunk
being read, whatever is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from critech.plain_data import read_json

Fault = Literal["too_long", "not_utf8", "not_json"]

BOM = b"\xef\xbb\xbf"
BLANK = b" \t\r"  # white space of JSON, the line feed apart


@dataclass(frozen=True)
class Line:
    """A line's value. Lines are numbered from 1, blank ones counted."""

    number: int
    value: Any
    n_bytes: int


@dataclass(frozen=True)
class BadLine:
    """A line without a value. Nothing of what stands in it is kept."""

    number: int
    fault: Fault


class LineReader:
    """Cuts a stream into lines. Feed every chunk in order, then call ``end`` once.

    Lines end with a line feed, the last one perhaps without; a carriage return before it counts as
    white space. Blank lines give nothing. A byte order mark before the first line is passed over.
    A line of more than ``max_bytes`` without its line feed is told of as soon as it is too long,
    and skipped to its end.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._held = bytearray()
        self._searched = 0  # so many bytes of what is held hold no line feed
        self._skipping = False
        self._number = 1

    def feed(self, chunk: bytes) -> Iterator[Line | BadLine]:
        """Yield what the lines that end in this chunk give. Exhaust it before the next call."""
        self._held += chunk
        while (end := self._held.find(b"\n", self._searched)) >= 0:
            raw = bytes(self._held[:end])
            del self._held[: end + 1]
            self._searched = 0
            yield from self._finished(raw)
        self._searched = len(self._held)
        if self._skipping or len(self._held) > self.max_bytes:
            self._held.clear()
            self._searched = 0
            if not self._skipping:
                self._skipping = True
                yield BadLine(self._number, "too_long")

    def end(self) -> Iterator[Line | BadLine]:
        """Yield what a last line without a line feed gives."""
        raw = bytes(self._held)
        self._held.clear()
        self._searched = 0
        yield from self._finished(raw)

    def _finished(self, raw: bytes) -> Iterator[Line | BadLine]:
        number, skipped = self._number, self._skipping
        self._number += 1
        self._skipping = False
        if skipped:
            return
        if len(raw) > self.max_bytes:
            yield BadLine(number, "too_long")
            return
        if number == 1:
            raw = raw.removeprefix(BOM)
        if raw.strip(BLANK):
            yield _parsed(raw, number)


def _parsed(raw: bytes, number: int) -> Line | BadLine:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return BadLine(number, "not_utf8")
    try:
        return Line(number, read_json(text), len(raw))
    except (ValueError, RecursionError):  # a number of too many digits is a ValueError
        return BadLine(number, "not_json")
