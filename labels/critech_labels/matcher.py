"""The Cabinet Order's 47 items against a set of IPC symbols.

Reading of the order: a class, subclass or main group without a stroke covers everything below it;
a symbol with a stroke means itself. Whether a symbol is a *sub-group* of a listed one is judged by
its digits (``G01S7/521`` is below ``G01S7/52``; every ``F41H3/..`` is below ``F41H3/00``), since
the dot hierarchy of the scheme is not part of the data; such a match is reported as ``subgroup``.
A symbol that the same item lists itself counts only where it is listed: of item 13, ``B63G8/28``
makes up field 8 and is no sub-group match of ``B63G8/00`` in field 12.
Symbols that only the CPC has are never a match: the order names the IPC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from critech_labels.ipc import IpcSymbol, ParsedSymbols, parse_symbol, parse_symbols
from critech_labels.taxonomy import IpcRule, Taxonomy, load_taxonomy
from critech_labels.texts import Bilingual

MatchKind = Literal["exact", "subgroup"]
SECRET_PATENTS = "jp-secret-patent-25"


@dataclass(frozen=True)
class RuleMatch:
    """One item that is met: by which symbols, how, and under which topic limit if it has one."""

    order_item: int | None
    symbols: tuple[str, ...]
    match: MatchKind
    topic_limit: Bilingual | None


@dataclass(frozen=True)
class FieldMatch:
    """A field that the symbols meet. ``match`` is ``exact`` when at least one item is met so;
    ``items`` and ``symbols`` are then those of the items met exactly, and ``rules`` holds all."""

    code: str
    rules: tuple[RuleMatch, ...]

    @property
    def match(self) -> MatchKind:
        """How the best item is met."""
        return "exact" if any(rule.match == "exact" for rule in self.rules) else "subgroup"

    @property
    def items(self) -> tuple[int, ...]:
        """Numbers of the items met as ``match`` says, ascending, as far as they are known."""
        return tuple(sorted({r.order_item for r in self._best if r.order_item is not None}))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that take part in these items, without repeats."""
        return tuple(dict.fromkeys(symbol for rule in self._best for symbol in rule.symbols))

    @property
    def topic_limit(self) -> Bilingual | None:
        """The topic that every item met is limited to, None when one of them is not."""
        return _common_limit(self._best)

    @property
    def _best(self) -> tuple[RuleMatch, ...]:
        return tuple(rule for rule in self.rules if rule.match == self.match)


@dataclass(frozen=True)
class IpcMatch:
    """All fields that a set of symbols meets, and what could not be used."""

    edition: str
    fields: tuple[FieldMatch, ...]
    malformed: tuple[str, ...]
    cpc_only: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form, fields in code order."""
        return {
            "edition": self.edition,
            "fields": [
                {
                    "code": field.code,
                    "items": list(field.items),
                    "symbols": list(field.symbols),
                    "match": field.match,
                    "topic_limit": field.topic_limit and field.topic_limit.as_dict(),
                }
                for field in self.fields
            ],
            "malformed": list(self.malformed),
            "cpc_only": list(self.cpc_only),
        }


def _common_limit(rules: Sequence[RuleMatch | IpcRule]) -> Bilingual | None:
    """Return the topic that all of some rules are limited to."""
    limits = [rule.topic_limit for rule in rules]
    return limits[0] if all(limits) else None


def match_fields(
    symbols: Iterable[str] | ParsedSymbols,
    on: dt.date | None = None,
    taxonomy: Taxonomy | None = None,
) -> IpcMatch:
    """Return which of the 25 fields the symbols meet, by the edition in force on a date.

    ``symbols`` are strings, each one symbol or a list of them, or already parsed. The newest
    edition counts by default.
    """
    parsed = symbols if isinstance(symbols, ParsedSymbols) else parse_symbols(symbols)
    taxonomy = taxonomy or load_taxonomy(SECRET_PATENTS, on)
    usable = [symbol for symbol in parsed.symbols if not symbol.is_cpc_only]
    named = _named_by_item(tuple(rule for label in taxonomy.labels for rule in label.ipc_rules))
    fields = []
    for label in taxonomy.labels:
        rules = [
            met
            for rule in label.ipc_rules
            if (met := _match_rule(rule, usable, named.get(rule.order_item, frozenset())))
        ]
        if rules:
            fields.append(FieldMatch(label.code, tuple(rules)))
    return IpcMatch(
        edition=taxonomy.version,
        fields=tuple(fields),
        malformed=parsed.malformed,
        cpc_only=tuple(str(symbol) for symbol in parsed.symbols if symbol.is_cpc_only),
    )


def too_coarse(parsed: ParsedSymbols, taxonomy: Taxonomy) -> dict[str, Bilingual | None]:
    """Return the codes of fields that symbols could meet, were they given in full: some part of a
    rule is met only by a symbol that stands above a listed one (``F42B`` above ``F42B15``). With
    each stands the topic that all rules it could meet are limited to, or None."""
    usable = [symbol for symbol in parsed.symbols if not symbol.is_cpc_only]
    found = {
        label.code: [rule for rule in label.ipc_rules if _could_meet(rule, usable)]
        for label in taxonomy.labels
    }
    return {code: _common_limit(rules) for code, rules in found.items() if rules}


def _could_meet(rule: IpcRule, symbols: Sequence[IpcSymbol]) -> bool:
    """Return whether symbols do not meet a rule, but could, were they given in full."""
    parts = _listed(rule)
    return all(any(_may_meet(s, e) for s in symbols for e in part) for part in parts) and not all(
        any(_is_exact(s, e) for s in symbols for e in part) for part in parts
    )


def _may_meet(symbol: IpcSymbol, listed: IpcSymbol) -> bool:
    """Return whether a symbol meets a listed one, or stands above it."""
    if _is_exact(symbol, listed):
        return True
    if symbol.group is None:
        return listed.subclass.startswith(symbol.subclass)
    same = (symbol.subclass, symbol.group) == (listed.subclass, listed.group)
    return same and symbol.subgroup is None and listed.subgroup is not None


@lru_cache(maxsize=16)
def _named_by_item(rules: tuple[IpcRule, ...]) -> dict[int | None, frozenset[IpcSymbol]]:
    """Return for each item every symbol with a stroke that it names, in whichever field."""
    named: dict[int | None, set[IpcSymbol]] = {}
    for rule in rules:
        if rule.order_item is not None:
            strokes = (entry for part in _listed(rule) for entry in part if entry.subgroup)
            named.setdefault(rule.order_item, set()).update(strokes)
    return {item: frozenset(symbols) for item, symbols in named.items()}


@lru_cache(maxsize=256)
def _classes(rule: IpcRule) -> tuple[frozenset[str], ...]:
    """Return the classes (``G01``) that each part of a rule can be met by."""
    return tuple(frozenset(entry.subclass[:3] for entry in part) for part in _listed(rule))


@lru_cache(maxsize=256)
def _listed(rule: IpcRule) -> tuple[tuple[IpcSymbol, ...], ...]:
    """Return the parts of a rule as parsed symbols."""
    return tuple(tuple(parse_symbol(text) for text in part) for part in rule.all_of)


def _match_rule(
    rule: IpcRule, symbols: Sequence[IpcSymbol], named: frozenset[IpcSymbol]
) -> RuleMatch | None:
    """Return how a rule is met, or None. Each conjunct takes its exact symbols if it has any."""
    given = {symbol.subclass[:3] for symbol in symbols}
    if any(given.isdisjoint(classes) for classes in _classes(rule)):
        return None
    taking_part: dict[str, None] = {}
    kinds: set[MatchKind] = set()
    for listed in _listed(rule):
        exact = [s for s in symbols if any(_is_exact(s, entry) for entry in listed)]
        below = [
            s for s in symbols if s not in named and any(_is_below(s, entry) for entry in listed)
        ]
        if not exact and not below:
            return None
        kinds.add("exact" if exact else "subgroup")
        taking_part.update(dict.fromkeys(str(s) for s in exact or below))
    match: MatchKind = "subgroup" if "subgroup" in kinds else "exact"
    return RuleMatch(rule.order_item, tuple(taking_part), match, rule.topic_limit)


def _is_exact(symbol: IpcSymbol, listed: IpcSymbol) -> bool:
    if listed.group is None:
        return symbol.subclass.startswith(listed.subclass)
    if (symbol.subclass, symbol.group) != (listed.subclass, listed.group):
        return False
    return listed.subgroup is None or (symbol.subgroup or "00") == listed.subgroup


def _is_below(symbol: IpcSymbol, listed: IpcSymbol) -> bool:
    if listed.subgroup is None or _is_exact(symbol, listed):
        return False
    if (symbol.subclass, symbol.group) != (listed.subclass, listed.group):
        return False
    return listed.subgroup == "00" or (symbol.subgroup or "").startswith(listed.subgroup)
