"""The fields of a patent document in XML, by name, of whichever layout it is.

WIPO's ST.36 (as USPTO and JPO use it), ST.96 (WIPO, JPO since 2022) and the EPO's layout with SDO
tags are told apart by their structure, not by the name of the root element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from critech.batch.reading.fields import BadRecordError, language_of
from critech.batch.reading.patents_ep import bibliography_of_ep
from critech.batch.reading.patents_wipo import bibliography_of_wipo
from critech.batch.reading.xml_tree import at, children, language_code, name_of, plain

if TYPE_CHECKING:
    from lxml.etree import _Element

T = TypeVar("T")
MAX_CHILDREN = 64  # of the root, looked through for parts; documents have about five
_BIBLIOGRAPHIC = "bibliographicdata"
_EP_BIBLIOGRAPHIC = "sdobi"
# Stands between the documents of USPTO's weekly files: sequence listings of the patent before it.
_NOT_DOCUMENTS = ("sequencecwu",)


def row_of(root: _Element, unread: frozenset[str] = frozenset()) -> dict[str, object] | None:
    """Return the values by field name, None for what stands among documents without being one.

    Of several languages that of the abstract counts: the document's own if it is English or
    Japanese, else English, Japanese, its own. Without an abstract the text is the first claim.
    Fields that are ``unread`` are left out. Raises BadRecordError for a layout that is not known.
    """
    if name_of(root) in _NOT_DOCUMENTS:
        return None
    bibliographic = _bibliographic(root)
    own = language_code(root) or language_code(bibliographic)
    wanted = [code for code in (own,) if language_of(code)] + ["en", "ja", own]
    code, text = _part(root, "abstract", own, wanted, plain)
    claims: list[str] | None = None
    if not text or "claims" not in unread:
        claims_code, claims = _part(root, "claims", own, [code, *wanted], _claim_texts)
        code = code or claims_code or own
    description = None
    if "description" not in unread:
        _, description = _part(root, "description", own, [code, *wanted], plain)
    ep = name_of(bibliographic) == _EP_BIBLIOGRAPHIC
    bibliography = (bibliography_of_ep if ep else bibliography_of_wipo)(
        root, bibliographic, [code, *wanted]
    )
    row: dict[str, object] = {
        **bibliography,
        "text": text or (claims[0] if claims else None),
        "claims": "\n".join(claims or ()),
        "description": description,
        "language": code,
    }
    return {name: value for name, value in row.items() if name not in unread}


def _bibliographic(root: _Element) -> _Element:
    for child in children(root):
        name = name_of(child)
        if _BIBLIOGRAPHIC in name or name == _EP_BIBLIOGRAPHIC:
            return child
    raise BadRecordError("unknown_layout", "document: no patent document of a known layout")


def _part(
    root: _Element,
    name: str,
    own: str | None,
    wanted: list[str | None],
    read: Callable[[_Element], T],
) -> tuple[str | None, T | None]:
    """Return a part of the text that is not blank, in the first of the languages, and its
    language. It stands under the root or one level below (ST.96: in the body, or in the
    bibliographic data)."""
    found = at(root, name)
    for child in [] if found else children(root)[:MAX_CHILDREN]:
        found += at(child, name)
    pairs = [(language_code(each) or own, each) for each in found]
    ranks = {code: rank for rank, code in reversed(list(enumerate(wanted)))}
    for code, each in sorted(pairs, key=lambda pair: ranks.get(pair[0], len(ranks))):
        if text := read(each):
            return code, text
    return None, None


def _claim_texts(claims: _Element) -> list[str]:
    each = at(claims, "claim")
    texts = [
        "\n".join(plain(text) for text in at(claim, "claimtext")) or plain(claim) for claim in each
    ]
    found = [text for text in texts if text] or [plain(claims)]
    return [text for text in found if text]
