"""Elements by local name: the same field has the same name in WIPO's ST.36 and ST.96 once case,
hyphens and namespace prefixes are left out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from critech.batch.reading.fields import language_of
from critech.batch.reading.xml_parse import entity_text

if TYPE_CHECKING:
    from lxml.etree import _Element

_BLOCKS = frozenset(
    (
        *("p", "claim", "claimtext", "heading", "li", "row", "entry", "br", "dt", "dd", "tr", "td"),
        *("claimnumber", "paragraphnumber", "table", "math", "maths", "chemistry"),
    )
)


def name_of(element: _Element) -> str:
    """Return the local name in lower case without hyphens, empty for what is no element."""
    tag = element.tag
    return _local(tag) if isinstance(tag, str) else ""


@lru_cache(maxsize=2048)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2].replace("-", "").lower()


def at(element: _Element, path: str) -> list[_Element]:
    """Return the elements at a path of local names such as ``abstract|summary/p``."""
    level = [element]
    for step in path.split("/"):
        names = step.split("|")
        level = [child for parent in level for child in parent if name_of(child) in names]
    return level


def children(element: _Element) -> list[_Element]:
    """Return the child elements."""
    return [child for child in element if name_of(child)]


def attribute(element: _Element, name: str) -> str | None:
    """Return the attribute of this local name, None where there is none."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2].replace("-", "").lower() == name:
            return str(value)
    return None


def language_code(element: _Element) -> str | None:
    """Return the code in ``lang``, ``xml:lang`` or ``com:languageCode``: ``en``, ``ja``, or what
    stands there in lower case."""
    code = attribute(element, "lang") or attribute(element, "languagecode")
    return language_of(code) or (code.strip().lower() or None if code else None)


def value(element: _Element, path: str) -> str | None:
    """Return the text of the first element at the path as one line, None if blank or absent."""
    for found in at(element, path):
        return plain(found).replace("\n", " ") or None
    return None


def plain(element: _Element) -> str:
    """Return the text of an element: white space runs as one blank, one line a paragraph."""
    blocks: list[list[str]] = [[]]
    for piece in _pieces(element):
        if piece is None:
            blocks.append([])
        else:
            blocks[-1].append(piece)
    lines = (" ".join("".join(block).split()) for block in blocks)
    return "\n".join(line for line in lines if line)


def _pieces(root: _Element) -> Iterator[str | None]:
    """Yield the text under an element in order, None where a paragraph starts or ends."""
    stack: list[_Element | str | None] = [root]
    while stack:
        item = stack.pop()
        if item is None or isinstance(item, str):
            yield item
        elif isinstance(item.tag, str):
            end = [None] if name_of(item) in _BLOCKS else []
            inner = [part for child in item for part in (child, child.tail or "")]
            stack += [*end, *reversed(inner), item.text or "", *end]
        else:
            yield entity_text(getattr(item, "name", "") or "")


def in_language(found: list[_Element], wanted: list[str | None]) -> str | None:
    """Return the text, on one line, of the first element in the first of the languages that any
    is in, else of the first element; None if there is none."""
    by_code: dict[str | None, str] = {}
    for element in found:
        text = plain(element).replace("\n", " ")
        if text:
            by_code.setdefault(language_code(element), text)
    first = next(iter(by_code.values()), None)
    return next((by_code[code] for code in wanted if code in by_code), first)
