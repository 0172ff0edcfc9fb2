"""What of a legal instrument a taxonomy models and what not, and pointers to what lies beyond it.

``modelled``: every entry of the instrument's list is a label that texts are read against.
``partial``: entries added since, or the controls that carry the list out, were not read or are not
modelled.
``pointer_only``: the instrument is named and referred to; no text is read against it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from critech_labels.texts import Bilingual, TaxonomyError, parse_bilingual, parse_date

CoverageStatus = Literal["modelled", "partial", "pointer_only"]
COVERAGE_STATUSES: tuple[CoverageStatus, ...] = ("modelled", "partial", "pointer_only")


@dataclass(frozen=True)
class Coverage:
    """How far a taxonomy models its instrument, in one word and in plain sentences."""

    status: CoverageStatus
    text: Bilingual


@dataclass(frozen=True)
class Pointer:
    """A reference to a rule that lies near some labels. It says where to read on, never that a
    product falls under an export-control number: ``eccns`` are those the rule is reported to touch.

    ``labels`` are label ids of the same taxonomy, empty where no label is near. ``title`` is the
    rule's own, None where it was not read; ``what`` says in our words what the rule is about.
    """

    date: dt.date
    citation: str
    what: Bilingual
    eccns: tuple[str, ...]
    labelled_1758: str
    confidence: float
    source: str
    labels: tuple[str, ...] = ()
    title: str | None = None
    proposed: dt.date | None = None
    note: str | None = None


def parse_coverage(taxonomy_id: str, raw: Mapping[str, Any] | None) -> Coverage | None:
    """Return the coverage of a taxonomy, None where its data are older than the field."""
    if raw is None:
        return None
    if raw.get("status") not in COVERAGE_STATUSES:
        raise TaxonomyError(
            f"{taxonomy_id}: coverage status {raw.get('status')!r}, "
            f"expected one of {', '.join(COVERAGE_STATUSES)}"
        )
    text = parse_bilingual(raw.get("text") or {}, f"{taxonomy_id}: coverage")
    return Coverage(status=raw["status"], text=text)


def parse_pointer(taxonomy_id: str, raw: Mapping[str, Any]) -> Pointer:
    """Return one pointer. Raise TaxonomyError naming its citation and the field that is missing."""
    where = f"{taxonomy_id}: pointer {raw.get('citation')!r}"
    try:
        return Pointer(
            date=parse_date(raw["date"]),
            citation=raw["citation"],
            what=parse_bilingual(raw["what"], where),
            eccns=tuple(raw["eccns"]),
            labelled_1758=raw["labelled_1758"],
            confidence=float(raw["confidence"]),
            source=raw["source"],
            labels=tuple(raw.get("labels", ())),
            title=raw.get("title"),
            proposed=parse_date(raw["proposed"]) if raw.get("proposed") else None,
            note=raw.get("note"),
        )
    except KeyError as error:
        raise TaxonomyError(f"{where}: missing field {error.args[0]!r}") from None
