"""Bibliographic fields of the EPO publication server's documents (``ep-patent-document``)."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from critech.batch.reading.fields import date_of
from critech.batch.reading.ipc import symbols
from critech.batch.reading.xml_tree import at, attribute, children, name_of, plain, value

if TYPE_CHECKING:
    from lxml.etree import _Element

# B510EP: IPC since 2006. B511 to B515 under B510: earlier editions, the main symbol first.
_IPC = ("b500/b510ep/classificationipcr", "b500/b510/b511", "b500/b510/b512|b513|b514|b515")


def bibliography_of_ep(
    root: _Element, sdobi: _Element, wanted: list[str | None]
) -> dict[str, object]:
    """Return id, title, IPC symbols and filing date. ``wanted``: languages, most wanted first."""
    classifications = [each for path in _IPC for each in at(sdobi, path)]
    filed = value(sdobi, "b200/b220/date")
    return {
        "id": _number(root, sdobi),
        "title": _title(sdobi, wanted),
        "ipc": list(chain.from_iterable(symbols(each) for each in classifications)),
        "filing_date": date_of(filed) if filed else None,
    }


def _number(root: _Element, sdobi: _Element) -> str | None:
    country = value(sdobi, "b100/b190") or attribute(root, "country") or "EP"
    number = value(sdobi, "b100/b110") or attribute(root, "docnumber")
    kind = value(sdobi, "b100/b130") or attribute(root, "kind") or ""
    return f"{country}{number}{kind}" if number else None


def _title(sdobi: _Element, wanted: list[str | None]) -> str | None:
    """Return the title in the first of the languages. Each B542 belongs to the B541 before it."""
    titles: dict[str | None, str] = {}
    code = None
    for part in chain.from_iterable(children(each) for each in at(sdobi, "b500/b540")):
        if name_of(part) == "b541":
            code = plain(part).lower() or None
        elif name_of(part) == "b542" and plain(part):
            titles.setdefault(code, plain(part).replace("\n", " "))
    return next((titles[each] for each in wanted if each in titles), None) or next(
        iter(titles.values()), None
    )
