"""The fields of a patent document in XML, by name, of whichever layout it is.

WIPO's ST.36 (as USPTO and JPO use it), ST.96 (WIPO, JPO since 2022) and the EPO's layout with SDO
tags are told apart by their structure, not by the name of the root element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from critech.batch.reading.fields import BadRecordError, language_of
from critech.batch.reading.patents_ep import bibliography_of_ep
from critech.batch.reading.patents_wipo import bibliography_of_wipo
from critech.batch.reading.xml_tree import at, children, language_code, name_of, plain

if TYPE_CHECKING:
    from lxml.etree import _Element

_BIBLIOGRAPHIC = "bibliographicdata"
_EP_BIBLIOGRAPHIC = "sdobi"
# Stands between the documents of USPTO's weekly files: sequence listings of the patent before it.
_NOT_DOCUMENTS = ("sequencecwu",)


def row_of(root: _Element) -> dict[str, object] | None:
    """Return the values by field name, None for what stands among documents without being one.

    Of several languages that of the abstract counts: the document's own if it is English or
    Japanese, else English, Japanese, its own. Without an abstract the text is the first claim.
    Raises BadRecordError for a layout that is not known.
    """
    if name_of(root) in _NOT_DOCUMENTS:
        return None
    bibliographic = _bibliographic(root)
    own = language_code(root) or language_code(bibliographic)
    wanted = [code for code in (own,) if language_of(code)] + ["en", "ja", own]
    code, abstract = _part(root, "abstract", own, wanted)
    claims_code, claims = _part(root, "claims", own, [code, *wanted])
    code = code or claims_code or own
    _, description = _part(root, "description", own, [code, *wanted])
    if name_of(bibliographic) == _EP_BIBLIOGRAPHIC:
        row = bibliography_of_ep(root, bibliographic, [code, *wanted])
    else:
        row = bibliography_of_wipo(root, bibliographic, [code, *wanted])
    texts = _claim_texts(claims)
    text = plain(abstract) if abstract is not None else ""
    row["text"] = text or (texts[0] if texts else None)
    row["claims"] = "\n".join(texts) or None
    row["description"] = plain(description) if description is not None else None
    row["language"] = code
    return row


def _bibliographic(root: _Element) -> _Element:
    for child in children(root):
        name = name_of(child)
        if _BIBLIOGRAPHIC in name or name == _EP_BIBLIOGRAPHIC:
            return child
    raise BadRecordError("unknown_layout", "document: no patent document of a known layout")


def _part(
    root: _Element, name: str, own: str | None, wanted: list[str | None]
) -> tuple[str | None, _Element | None]:
    """Return the part of the text in the first of the languages, with its language. It stands
    under the root or one level below (ST.96: in the body, or in the bibliographic data)."""
    found = at(root, name)
    for child in [] if found else children(root):
        found += at(child, name)
    pairs = [(language_code(each) or own, each) for each in found if plain(each)]
    for code in wanted:
        for pair in pairs:
            if code is not None and pair[0] == code:
                return pair
    return pairs[0] if pairs else (None, None)


def _claim_texts(claims: _Element | None) -> list[str]:
    if claims is None:
        return []
    each = at(claims, "claim")
    texts = [
        "\n".join(plain(text) for text in at(claim, "claimtext")) or plain(claim) for claim in each
    ]
    return [text for text in texts if text] or [plain(claims)]
