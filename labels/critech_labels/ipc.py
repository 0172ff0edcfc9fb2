"""IPC and CPC symbols as they occur in the wild, parsed into one normal form.

Read are ``F42B 15/01``, ``F42B15/01``, ``F42B 15/01 (2006.01)``, the fixed-width form
``F42B0015010000`` (WIPO ST.8), full-width characters, lower case, leading zeros, and lists
separated by commas, semicolons, line breaks or blanks. What is not a symbol is reported as given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FIRST_CPC_ONLY_GROUP = 2000
_SEPARATORS = re.compile(r"[,;|\n\r\t、，；]+")
_NOISE = re.compile(r"^(?:INT\.?\s*CL\.?\s*[0-9]?\s*[:.]?|IPC[0-9]?\s*[:.]|CPC\s*[:.])\s*")
_VERSION = r"(?:\s*\(\s*(?:19|20)[0-9]{2}(?:\.[0-9]{2})?\s*\)(?:\s*[A-Z]{1,3}(?![A-Z0-9]))?)?"
_ST8_TAIL = r"(?:\s*(?:19|20)[0-9]{6}[A-Z]{3}(?:(?:19|20)[0-9]{6}[A-Z]{3,4})?)?"
_FIXED = (
    r"(?P<fixed_subclass>[A-HY][0-9]{2}[A-Z])(?P<fixed_group>[0-9]{4})"
    r"(?P<fixed_sub>[0-9]{6})(?![0-9])"
)
_GROUP = (
    r"(?P<subclass>[A-HY][0-9]{2}[A-Z])(?:\s*-?\s*(?=[0-9]{1,4}(?![0-9]))0*(?P<group>[1-9][0-9]*)"
    r"(?:\s*[/:]\s*(?P<sub>[0-9]{2,6}))?)?(?![0-9/])"
)
_CLASS = r"(?P<class>[A-HY][0-9]{2})(?![0-9A-Z])"
_SYMBOL = re.compile(rf"(?:{_FIXED}|{_GROUP}|{_CLASS}){_VERSION}{_ST8_TAIL}\*?\s*")


@dataclass(frozen=True, order=True)
class IpcSymbol:
    """A symbol of the IPC or CPC: ``subclass`` (or class) alone, with ``group``, with both.

    ``group`` is the main group as a number (15 in F42B 15/01), ``subgroup`` the digits behind the
    stroke without trailing zeros beyond the second digit (``01``).
    """

    subclass: str
    group: int | None = None
    subgroup: str | None = None

    def __str__(self) -> str:
        if self.group is None:
            return self.subclass
        if self.subgroup is None:
            return f"{self.subclass}{self.group}"
        return f"{self.subclass}{self.group}/{self.subgroup}"

    @property
    def is_cpc_only(self) -> bool:
        """True for symbols that the IPC does not have: section Y and the 2000-series groups."""
        return self.subclass.startswith("Y") or (self.group or 0) >= FIRST_CPC_ONLY_GROUP


@dataclass(frozen=True)
class ParsedSymbols:
    """Symbols in input order without repeats, and the pieces that could not be read, as given."""

    symbols: tuple[IpcSymbol, ...]
    malformed: tuple[str, ...]


def parse_symbol(text: str) -> IpcSymbol:
    """Return the one symbol in a text. Raise ValueError, naming the text, when it is none."""
    parsed = parse_symbols([text])
    if parsed.malformed or len(parsed.symbols) != 1:
        raise ValueError(f"not an IPC symbol: {text!r}")
    return parsed.symbols[0]


def parse_symbols(texts: Iterable[str]) -> ParsedSymbols:
    """Return all symbols in a list of strings, each of which may itself be a list."""
    symbols: dict[IpcSymbol, None] = {}
    malformed: list[str] = []
    for text in texts:
        for piece in _split(text):
            found = _read_piece(piece)
            if found is None:
                malformed.append(piece)
            else:
                symbols.update(dict.fromkeys(found))
    return ParsedSymbols(tuple(symbols), tuple(malformed))


def _split(text: str) -> Iterator[str]:
    for piece in _SEPARATORS.split(text):
        if piece.strip():
            yield piece.strip()


def _read_piece(piece: str) -> list[IpcSymbol] | None:
    """Return the symbols that make up a piece wholly, or None when anything is left over."""
    text = unicodedata.normalize("NFKC", piece).upper().replace("∕", "/").strip()
    text = _NOISE.sub("", text)
    symbols: list[IpcSymbol] = []
    at = 0
    while at < len(text):
        match = _SYMBOL.match(text, at)
        if match is None:
            return None
        symbols.append(_from_match(match))
        at = match.end()
    return symbols or None


def _from_match(match: re.Match[str]) -> IpcSymbol:
    parts = match.groupdict()
    if parts["fixed_subclass"]:
        group = int(parts["fixed_group"])
        if group == 0:
            return IpcSymbol(parts["fixed_subclass"])
        return IpcSymbol(parts["fixed_subclass"], group, _trim(parts["fixed_sub"]))
    if parts["class"]:
        return IpcSymbol(parts["class"])
    if parts["group"] is None:
        return IpcSymbol(parts["subclass"])
    subgroup = _trim(parts["sub"]) if parts["sub"] else None
    return IpcSymbol(parts["subclass"], int(parts["group"]), subgroup)


def _trim(digits: str) -> str:
    return digits[:2] + digits[2:].rstrip("0")
