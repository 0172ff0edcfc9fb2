"""Bibliographic fields of ST.36 and ST.96 documents."""

from __future__ import annotations

import re
import unicodedata
from itertools import chain
from typing import TYPE_CHECKING

from critech.batch.reading.fields import date_of
from critech.batch.reading.ipc import symbols
from critech.batch.reading.xml_tree import at, attribute, in_language, name_of, value

if TYPE_CHECKING:
    from lxml.etree import _Element

_JPO = "www.jpo.go.jp"
_KIND = re.compile(r"[A-Z]\d?", re.ASCII)
_KIND_IN_BRACKETS = re.compile(r"\(([A-Z]\d?)\)", re.ASCII)
_IDENTIFICATION = (
    "publicationreference/documentid",
    "patentpublicationidentification",
    "patentgrantidentification",
)
# Only direct children: citations and searched fields hold classifications, too.
_IPC = (
    "classificationsipcr/classificationipcr",
    "classificationipc|classificationipcr",
    "ipcclassification|ipcrclassification",
    "ipcrclassificationbag/ipcrclassification",
    "patentclassificationbag/ipcclassification|ipcrclassification",
    "patentclassificationbag/ipcrclassificationbag/ipcrclassification",
)
_FILED = ("applicationreference/documentid/date", "applicationidentification/filingdate")
_TITLE = ("inventiontitle", "inventiontitlebag/inventiontitle")


def bibliography_of_wipo(
    root: _Element, bibliographic: _Element, wanted: list[str | None]
) -> dict[str, object]:
    """Return id, title, IPC symbols and filing date. ``wanted``: languages, most wanted first."""
    titles = [title for path in _TITLE for title in at(bibliographic, path)]
    classifications = [each for path in _IPC for each in at(bibliographic, path)]
    filed = next((found for path in _FILED if (found := value(bibliographic, path))), None)
    return {
        "id": _number(root, bibliographic),
        "title": in_language(titles, wanted),
        "ipc": list(chain.from_iterable(symbols(each) for each in classifications)),
        "filing_date": date_of(filed) if filed else None,
    }


def _number(root: _Element, bibliographic: _Element) -> str | None:
    """Return country, number and kind as one, None where the number is missing."""
    for path in _IDENTIFICATION:
        for found in at(bibliographic, path):
            number = value(found, "docnumber|publicationnumber|patentnumber")
            if number is None:
                continue
            number = re.sub(r"\s", "", number)
            country = "" if number[:2].isalpha() else _country(root, found)
            return f"{country}{number}{_kind(root, bibliographic, found)}"
    return None


def _country(root: _Element, identification: _Element) -> str:
    country = value(identification, "country|ipofficecode") or value(root, "ipofficecode")
    return country or attribute(root, "country") or ("JP" if _JPO in str(root.tag) else "")


def _kind(root: _Element, bibliographic: _Element, identification: _Element) -> str:
    """Return the kind code, empty where none is said. The JPO writes it behind its name, as in
    ``公開特許公報(A)``, or says it by the root element alone."""
    said = (
        value(identification, "kind|patentdocumentkindcode"),
        attribute(root, "kindofst16"),
        value(bibliographic, "plainlanguagedesignationtext|plainlanguagedesignation"),
    )
    for text in said:
        plain = unicodedata.normalize("NFKC", text or "").strip()
        match = _KIND.fullmatch(plain) or _KIND_IN_BRACKETS.search(plain)
        if match:
            return match[match.lastindex or 0]
    return "A" if name_of(root) == "unexaminedpatentpublication" else ""
