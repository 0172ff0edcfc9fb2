"""Lines of a byte stream, however long they are, in bounded memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Line:
    """A line without its end. ``number`` counts from 1. A line that is ``too_long`` is empty."""

    number: int
    content: bytes
    too_long: bool = False


def lines(stream: BinaryIO, most: int) -> Iterator[Line]:
    """Yield the lines that are not blank; of one longer than ``most`` bytes only its number."""
    number = 0
    while raw := stream.readline(most + 2):
        number += 1
        if number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        if len(raw) > most + 1 and not raw.endswith(b"\n"):
            _skip_line(stream, most)
            yield Line(number, b"", too_long=True)
            continue
        content = raw.strip(b" \t\r\n")
        if content:
            yield Line(number, content)


def _skip_line(stream: BinaryIO, most: int) -> None:
    while (rest := stream.readline(most)) and not rest.endswith(b"\n"):
        pass
