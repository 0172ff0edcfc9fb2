"""IPC symbols as offices write them, to the form ``G21C 3/00``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from critech.batch.reading.xml_tree import at, name_of, plain, value

if TYPE_CHECKING:
    from lxml.etree import _Element

# ``G21C   3/00        20060101AFI20090814BHEP``, before that ``7G 21C   3/00``; without a slash
# of older US grants: ``G21C 300`` cannot be told apart and gives the subclass.
_SYMBOL = re.compile(
    r"(?:Int\.?\s*Cl\.?\d*\s*|\d\s*)?([A-H])\s*(\d\d)\s*([A-Z])(?:\s*(\d{1,4})\s*/\s*(\d{2,6}))?",
    re.ASCII,
)


def symbol_of_text(text: str) -> str | None:
    """Return the symbol that a classification text starts with, None if it starts with none."""
    match = _SYMBOL.match(unicodedata.normalize("NFKC", text).strip())
    if match is None:
        return None
    return _written(match[1], match[2], match[3], match[4], match[5])


def symbols(classification: _Element) -> Iterator[str]:
    """Yield the symbols of one IPC or IPCR classification element of ST.36 or ST.96."""
    parts = [
        value(classification, step)
        for step in ("section", "class", "subclass", "maingroup", "subgroup")
    ]
    section, class_, subclass, group, subgroup = parts
    if section and class_ and subclass:
        yield _written(section.upper(), class_.zfill(2), subclass.upper(), group, subgroup)
        return
    texts = at(classification, "text|patentclassificationtext|mainclassification|mainclsf")
    texts += at(classification, "furtherclassification|furtherclsf")
    yield from _of_texts(texts or [classification])


def _of_texts(elements: Iterable[_Element]) -> Iterator[str]:
    for element in elements:
        inner = at(element, "patentclassificationtext|text") if name_of(element) else []
        symbol = symbol_of_text(plain(inner[0] if inner else element))
        if symbol is not None:
            yield symbol


def _written(
    section: str, class_: str, subclass: str, group: str | None, subgroup: str | None
) -> str:
    head = f"{section}{class_}{subclass}"
    if not group or not subgroup:
        return head
    return f"{head} {group.lstrip('0') or '0'}/{subgroup}"
