"""Taxonomies as frozen data: loading from YAML, versions by date, queries.

One YAML file holds one version of one taxonomy: ``data/<taxonomy id>/<version>.yaml``. A version
that differs little from another names it in ``based_on`` and holds only what differs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from critech_labels.coverage import Coverage, Pointer, parse_coverage, parse_pointer
from critech_labels.data_files import data_dir, read_yaml
from critech_labels.texts import (
    Bilingual,
    TaxonomyError,
    Terms,
    parse_bilingual,
    parse_date,
    parse_terms,
)

TAXONOMY_IDS = ("jp-critical-20", "jp-kprogram-50", "jp-secret-patent-25", "us-ecra-14")
TitleStatus = Literal["verbatim", "provisional"]


HEAD_FIELDS = {
    "id", "version", "title", "jurisdiction", "instrument", "article", "authority",
    "effective_from", "as_of", "verification", "sources", "labels",
}  # fmt: skip


@dataclass(frozen=True)
class IpcRule:
    """One item of the Cabinet Order's article 12(1), or the part of it that makes up a field.

    ``all_of`` is an AND of ORs: one symbol of every inner tuple must be present. ``order_item`` is
    None where the item's number in that edition could not be read.
    """

    order_item: int | None
    all_of: tuple[tuple[str, ...], ...]
    topic_limit: Bilingual | None = None


@dataclass(frozen=True)
class Label:
    """One label: a field, technology, category or sub-item of a taxonomy."""

    taxonomy_id: str
    code: str
    title: Bilingual
    title_status: Mapping[str, TitleStatus]
    title_confidence: float
    source: str
    definition: Bilingual
    aliases: Terms
    terms: Terms
    effective_from: dt.date
    parent: str | None = None
    subtopics: tuple[str, ...] = ()
    domain: str | None = None
    vision: int | None = None
    additional_condition: bool | None = None
    mapping_confidence: float | None = None
    ipc_rules: tuple[IpcRule, ...] = ()
    note: str | None = None

    @property
    def id(self) -> str:
        """The label id, ``<taxonomy id>:<code>``."""
        return f"{self.taxonomy_id}:{self.code}"


@dataclass(frozen=True)
class Taxonomy:
    """One version of a taxonomy. ``labels`` stand in a fixed order: that of the instrument, each
    sub-item after its parent. ``coverage`` is None in snapshots older than the field."""

    id: str
    version: str
    title: Bilingual
    jurisdiction: str
    instrument: Bilingual
    article: str
    authority: Bilingual
    effective_from: dt.date
    as_of: dt.date
    verification: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    labels: tuple[Label, ...]
    coverage: Coverage | None = None
    pointers: tuple[Pointer, ...] = ()
    _by_code: Mapping[str, Label] = field(repr=False, compare=False, default_factory=dict)

    def label(self, code: str) -> Label:
        """Return the label with this code. Raise TaxonomyError when there is none."""
        try:
            return self._by_code[code]
        except KeyError:
            raise TaxonomyError(f"{self.id} has no label {code!r}") from None

    def codes(self) -> tuple[str, ...]:
        """Return all codes in label order, sub-items included."""
        return tuple(label.code for label in self.labels)

    def top_level(self) -> tuple[Label, ...]:
        """Return the labels without a parent."""
        return tuple(label for label in self.labels if label.parent is None)

    def in_force(self, on: dt.date) -> bool:
        """Return whether the taxonomy held in this form on a date: it and every label of it."""
        return on >= max(self.effective_from, *(label.effective_from for label in self.labels))

    def children(self, code: str) -> tuple[Label, ...]:
        """Return the sub-items of a label, in order; empty when it has none."""
        return tuple(label for label in self.labels if label.parent == code)


def versions(taxonomy_id: str) -> tuple[str, ...]:
    """Return the versions of a taxonomy, oldest first. A version is the date from which it holds
    in this form; single labels may be older (``effective_from``)."""
    if taxonomy_id not in TAXONOMY_IDS:
        raise TaxonomyError(
            f"unknown taxonomy {taxonomy_id!r}; expected one of {', '.join(TAXONOMY_IDS)}"
        )
    names = [entry.name for entry in (data_dir() / taxonomy_id).iterdir()]
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def version_in_force(taxonomy_id: str, on: dt.date | None = None) -> str:
    """Return the version in force on a date (default: the newest). A date before the first
    version gives the first one."""
    known = versions(taxonomy_id)
    if on is None:
        return known[-1]
    started = [version for version in known if version <= on.isoformat()]
    return started[-1] if started else known[0]


def load_taxonomy(taxonomy_id: str, on: dt.date | None = None) -> Taxonomy:
    """Return the version of a taxonomy in force on a date, the newest by default.

    Raise TaxonomyError for an unknown id.
    """
    return _load(taxonomy_id, version_in_force(taxonomy_id, on))


def load_taxonomies(on: dt.date | None = None) -> dict[str, Taxonomy]:
    """Return all taxonomies by id, in the order of ``TAXONOMY_IDS``."""
    return {taxonomy_id: load_taxonomy(taxonomy_id, on) for taxonomy_id in TAXONOMY_IDS}


def label_order(taxonomies: Iterable[Taxonomy]) -> tuple[str, ...]:
    """Return all label ids in taxonomy order: the order of every array over labels."""
    return tuple(label.id for taxonomy in taxonomies for label in taxonomy.labels)


def parent_positions(taxonomies: Iterable[Taxonomy]) -> list[int | None]:
    """Return for each label, in ``label_order``, the position of its category, or None."""
    labels = [label for taxonomy in taxonomies for label in taxonomy.labels]
    position = {label.id: at for at, label in enumerate(labels)}
    return [
        None if label.parent is None else position[f"{label.taxonomy_id}:{label.parent}"]
        for label in labels
    ]


@lru_cache(maxsize=16)
def _load(taxonomy_id: str, version: str) -> Taxonomy:
    return parse_taxonomy(_read(taxonomy_id, version))


def _read(taxonomy_id: str, version: str) -> dict[str, Any]:
    raw = read_yaml(taxonomy_id, f"{version}.yaml")
    base_version = raw.pop("based_on", None)
    if base_version is None:
        return raw
    base = _read(taxonomy_id, base_version)
    changed = {entry["code"]: entry for entry in raw.pop("labels", [])}
    unknown = changed.keys() - {entry["code"] for entry in base["labels"]}
    if unknown:
        raise TaxonomyError(f"{version}.yaml changes labels {sorted(unknown)} that its base lacks")
    labels = [{**entry, **changed.get(entry["code"], {})} for entry in base["labels"]]
    return {**base, **raw, "labels": labels}


def parse_taxonomy(raw: Mapping[str, Any]) -> Taxonomy:
    """Build a Taxonomy from the mapping of a YAML file or of a bundle's snapshot.

    Raise TaxonomyError that names the label and the field when one is missing.
    """
    missing = sorted(HEAD_FIELDS - raw.keys())
    if missing:
        raise TaxonomyError(f"{raw.get('id', 'taxonomy')}: missing field {missing[0]!r}")
    taxonomy_id = str(raw["id"])
    labels = tuple(_parse_label(taxonomy_id, entry) for entry in raw["labels"])
    by_code = {label.code: label for label in labels}
    if len(by_code) != len(labels):
        codes = [label.code for label in labels]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        raise TaxonomyError(f"{taxonomy_id}: duplicate codes {twice}")
    for label in labels:
        if label.parent is not None and label.parent not in by_code:
            raise TaxonomyError(f"{label.id}: parent {label.parent!r} does not exist")
    return Taxonomy(
        id=taxonomy_id,
        version=str(raw["version"]),
        title=parse_bilingual(raw["title"], f"{taxonomy_id}: title"),
        jurisdiction=raw["jurisdiction"],
        instrument=parse_bilingual(raw["instrument"], f"{taxonomy_id}: instrument"),
        article=raw["article"],
        authority=parse_bilingual(raw["authority"], f"{taxonomy_id}: authority"),
        effective_from=parse_date(raw["effective_from"]),
        as_of=parse_date(raw["as_of"]),
        verification=raw["verification"],
        sources=tuple(raw["sources"]),
        notes=tuple(raw.get("notes", ())),
        labels=labels,
        coverage=parse_coverage(taxonomy_id, raw.get("coverage")),
        pointers=tuple(parse_pointer(taxonomy_id, entry) for entry in raw.get("pointers", ())),
        _by_code=by_code,
    )


def _parse_label(taxonomy_id: str, raw: Mapping[str, Any]) -> Label:
    where = f"{taxonomy_id}:{raw.get('code')}"
    try:
        return Label(
            taxonomy_id=taxonomy_id,
            code=raw["code"],
            title=parse_bilingual(raw["title"], f"{where}: title"),
            title_status=dict(raw["title_status"]),
            title_confidence=float(raw["title_confidence"]),
            source=raw["source"],
            definition=parse_bilingual(raw["definition"], f"{where}: definition"),
            aliases=parse_terms(raw["aliases"]),
            terms=parse_terms(raw["terms"]),
            effective_from=parse_date(raw["effective_from"]),
            parent=raw.get("parent"),
            subtopics=tuple(raw.get("subtopics", ())),
            domain=raw.get("domain"),
            vision=raw.get("vision"),
            additional_condition=raw.get("additional_condition"),
            mapping_confidence=raw.get("mapping_confidence"),
            ipc_rules=tuple(_parse_rule(rule) for rule in raw.get("ipc_rules", ())),
            note=raw.get("note"),
        )
    except KeyError as error:
        raise TaxonomyError(f"{where}: missing field {error.args[0]!r}") from None


def _parse_rule(raw: Mapping[str, Any]) -> IpcRule:
    limit = raw.get("topic_limit")
    return IpcRule(
        order_item=raw["order_item"],
        all_of=tuple(tuple(symbols) for symbols in raw["all_of"]),
        topic_limit=Bilingual(limit["en"], limit["ja"]) if limit else None,
    )
