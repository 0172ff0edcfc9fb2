"""Correspondences between labels of different taxonomies: the project's own editorial work.

``relation`` says what the target is, seen from the source, in the sense of the SKOS mapping
properties: ``exact`` (exactMatch, the two can stand for each other), ``broad`` (broadMatch, the
target is broader than the source), ``narrow`` (narrowMatch, the target is narrower), ``related``
(relatedMatch, they overlap or adjoin and neither holds the other). ``confidence`` is how sure the
editors are of the relation. No authority has decided any of it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from critech_labels.data_files import read_yaml
from critech_labels.taxonomy import load_taxonomy
from critech_labels.texts import Bilingual, TaxonomyError, parse_bilingual, parse_date

Relation = Literal["exact", "broad", "narrow", "related"]
RELATIONS: tuple[Relation, ...] = ("exact", "broad", "narrow", "related")
INVERSE: dict[Relation, Relation] = {
    "exact": "exact", "broad": "narrow", "narrow": "broad", "related": "related"
}  # fmt: skip
CSV_COLUMNS = (
    "source", "source_title_en", "relation", "target", "target_title_en", "confidence", "why_en",
    "why_ja",
)  # fmt: skip


@dataclass(frozen=True)
class Correspondence:
    """Target is ``relation`` than, or with, source. ``why`` says what overlaps and what not."""

    source: str
    target: str
    relation: Relation
    why: Bilingual
    confidence: float

    def inverse(self) -> Correspondence:
        """Return the same link seen from the target."""
        relation = INVERSE[self.relation]
        return replace(self, source=self.target, target=self.source, relation=relation)

    def as_dict(self) -> dict[str, Any]:
        """Return the link as JSON-ready data."""
        return {
            "source": self.source,
            "target": self.target,
            "relation": self.relation,
            "why": self.why.as_dict(),
            "confidence": self.confidence,
        }


@dataclass(frozen=True)
class Crosswalk:
    """The whole file: each pair once in ``entries``, and in ``unmatched`` the top-level labels
    without a counterpart, each with the reason. ``versions`` are those the entries were written
    from, by taxonomy id."""

    status: str
    as_of: dt.date
    notice: Bilingual
    versions: Mapping[str, str]
    entries: tuple[Correspondence, ...]
    unmatched: Mapping[str, Bilingual]


@lru_cache(maxsize=1)
def read_crosswalk() -> Crosswalk:
    """Return the shipped crosswalk with its header."""
    return parse_crosswalk(read_yaml("crosswalk.yaml"))


def load_crosswalk() -> tuple[Correspondence, ...]:
    """Return the entries of the shipped crosswalk in file order, each pair once."""
    return read_crosswalk().entries


def correspondences(label_id: str) -> tuple[Correspondence, ...]:
    """Return all links of a label, with that label as source: entries as they stand, then those
    turned round. Empty for a label without any. Raise TaxonomyError when there is no such label.
    """
    taxonomy_id, _, code = label_id.partition(":")
    load_taxonomy(taxonomy_id).label(code)
    entries = load_crosswalk()
    forth = [entry for entry in entries if entry.source == label_id]
    back = [entry.inverse() for entry in entries if entry.target == label_id]
    return (*forth, *back)


def parse_crosswalk(raw: Mapping[str, Any]) -> Crosswalk:
    """Return the crosswalk of a YAML mapping. Raise TaxonomyError naming the pair that is broken,
    or the label that is listed unmatched twice."""
    unmatched: dict[str, Bilingual] = {}
    for entry in raw["unmatched"]:
        if entry["label"] in unmatched:
            raise TaxonomyError(f"crosswalk: {entry['label']} is listed unmatched twice")
        unmatched[entry["label"]] = parse_bilingual(entry["why"], f"crosswalk: {entry['label']}")
    return Crosswalk(
        status=raw["status"],
        as_of=parse_date(raw["as_of"]),
        notice=parse_bilingual(raw["notice"], "crosswalk: notice"),
        versions=dict(raw["versions"]),
        entries=tuple(_parse_entry(entry) for entry in raw["entries"]),
        unmatched=unmatched,
    )


def _parse_entry(raw: Mapping[str, Any]) -> Correspondence:
    where = f"crosswalk: {raw.get('source')} to {raw.get('target')}"
    if raw.get("relation") not in RELATIONS:
        raise TaxonomyError(
            f"{where}: relation {raw.get('relation')!r}, expected one of {', '.join(RELATIONS)}"
        )
    try:
        return Correspondence(
            source=raw["source"],
            target=raw["target"],
            relation=raw["relation"],
            why=parse_bilingual(raw["why"], where),
            confidence=float(raw["confidence"]),
        )
    except KeyError as error:
        raise TaxonomyError(f"{where}: missing field {error.args[0]!r}") from None


def crosswalk_csv(entries: Iterable[Correspondence]) -> str:
    """Return links as CSV with a header, English titles beside the ids."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for entry in entries:
        titles = (title_of(entry.source).en, title_of(entry.target).en)
        row = (entry.source, titles[0], entry.relation, entry.target, titles[1], entry.confidence)
        writer.writerow((*row, entry.why.en, entry.why.ja))
    return out.getvalue()


def title_of(label_id: str) -> Bilingual:
    """Return the title of a label by its id."""
    taxonomy_id, _, code = label_id.partition(":")
    return load_taxonomy(taxonomy_id).label(code).title
