"""Strings that occur nowhere else, and the forms in which a careless program may write one down."""

from __future__ import annotations

import base64
import html
import json
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def _ascii() -> str:
    return "zq" + secrets.token_hex(9)


def _japanese() -> str:
    return "".join(chr(secrets.choice(range(0x4E00, 0x9F00))) for _ in range(9))


@dataclass(frozen=True)
class Canary:
    """What is pushed through one field of a request. ``word`` alone may stand where blanks may
    not; ``text`` also has Japanese, full-width letters, and characters that JSON escapes."""

    name: str
    word: str = field(default_factory=_ascii)
    japanese: str = field(default_factory=_japanese)
    wide: str = field(default_factory=lambda: _ascii().translate(FULL_WIDTH))
    quoted: str = field(default_factory=lambda: f'{_ascii()}"\\{_ascii()}')

    @property
    def text(self) -> str:
        """The canary within a sentence that a classifier reads."""
        return (
            f"A rocket motor {self.word} with a solid propellant grain and a nozzle, "
            f"{self.japanese}なる固体推進薬 {self.wide} {self.quoted} in a composite case."
        )

    def values(self) -> tuple[str, ...]:
        """Return the strings to look for; each half counts too, since a log may cut a line."""
        whole = (self.word, self.japanese, self.wide, *self.quoted.split('"\\'))
        halves = [half for one in whole for half in (one[: len(one) // 2], one[len(one) // 2 :])]
        return (*whole, self.quoted, *(half for half in halves if len(half.encode()) >= 10))


def forms(value: str) -> Iterator[bytes]:
    """Yield the spellings of a string, in lower case as far as ASCII goes."""
    for text in {value, unicodedata.normalize("NFKC", value), value.casefold()}:
        raw = text.encode()
        yield from (raw, text.encode("utf-16-le"), text.encode("utf-16-be"))
        yield raw.decode("latin-1").encode()  # a header read as latin-1
        yield json.dumps(text)[1:-1].encode()
        yield json.dumps(json.dumps(text))[3:-3].encode()  # JSON within JSON
        yield from (repr(raw)[2:-1].encode(), repr(text)[1:-1].encode(), raw.hex().encode())
        yield from (quote(text, safe="").encode(), quote_plus(text).encode())
        yield html.escape(text).encode("ascii", "xmlcharrefreplace")
        yield from _base64(raw)


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield what of the base64 of any text around is the same, by the three ways to fall in."""
    for shift in range(3):
        padded = bytes(shift) + raw
        whole = len(padded) // 3 * 3
        coded = base64.b64encode(padded[:whole])[4 if shift else 0 :]
        if len(coded) >= 12:
            yield from (coded, coded.replace(b"+", b"-").replace(b"/", b"_"))


class Search:
    """Looks for canaries in bytes, whatever their form."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._needles = {
            needle.lower(): f"{canary.name}: {needle!r}"
            for canary in canaries
            for value in canary.values()
            for needle in forms(value)
        }

    def found(self, *places: bytes) -> list[str]:
        """Return the canaries that are in any of these, in words for a failing test."""
        lowered = [place.lower() for place in places]
        return [
            what
            for needle, what in self._needles.items()
            if any(needle in place for place in lowered)
        ]
