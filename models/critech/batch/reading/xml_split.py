"""Documents of a stream that holds many, one behind the other, each with its own declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader

_START = re.compile(rb"<\?xml[ \t\r\n]")
_CHUNK = 256 * 1024
_OVERLAP = 5
_BLANK = b" \t\r\n\xef\xbb\xbf"


@dataclass(frozen=True)
class XmlDocument:
    """The bytes of a document and the line, from 1, that it starts on. ``content`` is None for
    one that is larger than the limit."""

    line: int
    content: bytes | None


def split(stream: BufferedReader, most: int) -> Iterator[XmlDocument]:
    """Yield the documents that are not blank, at most one of them in memory."""
    held = bytearray()
    line, dropped, searched = 1, 0, 1
    too_large = False
    while True:
        chunk = stream.read1(_CHUNK)
        held += chunk
        while found := _START.search(held, searched):
            part = bytes(held[: found.start()])
            del held[: found.start()]
            if too_large or part.strip(_BLANK):
                yield XmlDocument(line, None if too_large or len(part) > most else part)
            line += dropped + part.count(b"\n")
            dropped, searched, too_large = 0, 1, False
        if not chunk:
            break
        searched = max(1, len(held) - _OVERLAP)
        if len(held) > most + _OVERLAP + 1:
            too_large = True
            dropped += held[:-_OVERLAP].count(b"\n")
            del held[:-_OVERLAP]
            searched = 0
    if too_large or held.strip(_BLANK):
        yield XmlDocument(line, None if too_large or len(held) > most else bytes(held))
