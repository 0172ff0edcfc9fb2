"""Target: IPC symbols as strangers write them, and the Cabinet Order's items held against them."""

from __future__ import annotations

import re

from critech_labels import load_taxonomy
from critech_labels.ipc import ParsedSymbols, parse_symbols
from critech_labels.matcher import SECRET_PATENTS, IpcMatch, match_fields, too_coarse

MAX_BYTES = 2_000
NORMAL_FORM = re.compile(r"[A-HY][0-9]{2}(?:[A-Z](?:[1-9][0-9]{0,3}(?:/[0-9]{2,6})?)?)?")
ORDER = load_taxonomy(SECRET_PATENTS)


def one_input(data: bytes) -> None:
    """Check one input: strings with a zero byte between them, each a symbol or a list of them."""
    texts = data.decode(errors="surrogateescape").split("\0")
    parsed = parse_symbols(texts)
    check_symbols(texts, parsed)
    check_matches(parsed)


def check_symbols(texts: list[str], parsed: ParsedSymbols) -> None:
    """Every symbol is in normal form and reads back as itself; the rest is kept as given."""
    assert len(set(parsed.symbols)) == len(parsed.symbols)
    for symbol in parsed.symbols:
        assert NORMAL_FORM.fullmatch(str(symbol)), "not in normal form"
        assert parse_symbols([str(symbol)]) == ParsedSymbols((symbol,), ())
    for piece in parsed.malformed:
        assert piece, "nothing is reported as malformed"
        assert piece == piece.strip()
        assert any(piece in text for text in texts), "not as given"
    assert parse_symbols([";".join(texts)]) == parsed, "one list and many strings differ"
    alone = [parse_symbols([text]) for text in texts]
    assert parsed.symbols == tuple(dict.fromkeys(s for one in alone for s in one.symbols))
    assert parsed.malformed == tuple(piece for one in alone for piece in one.malformed)


def check_matches(parsed: ParsedSymbols) -> None:
    """A match rests on symbols that were given, in any order; more symbols never lessen it."""
    whole = match_fields(parsed, taxonomy=ORDER)
    usable = {str(symbol) for symbol in parsed.symbols if not symbol.is_cpc_only}
    for field in whole.fields:
        assert field.symbols
        assert usable.issuperset(field.symbols), "a symbol that was not given"
    assert usable.isdisjoint(whole.cpc_only)
    assert too_coarse(parsed, ORDER).keys() <= set(ORDER.codes())
    backwards = ParsedSymbols(parsed.symbols[::-1], parsed.malformed)
    assert kinds(match_fields(backwards, taxonomy=ORDER)) == kinds(whole), "order matters"
    fewer = kinds(match_fields(ParsedSymbols(parsed.symbols[1:], ()), taxonomy=ORDER))
    for code, match in fewer.items():
        assert kinds(whole).get(code) in ("exact", match), "one more symbol lessens a match"


def kinds(found: IpcMatch) -> dict[str, str]:
    """Return how each field is met."""
    return {field.code: field.match for field in found.fields}
