"""The columns of the two layouts, typed, and the way from a nested row to flat ones.

Nested: one row per record, as ``classify_records`` returns it. Flat: one row per record and label
that is ``possible`` or ``assigned``, the shape that group-by and joins want; a record without any
such label gives one row whose label columns are null, so that no record is lost from a count.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from critech.batch.rows import Row
from critech.errors import CritechError
from critech_labels import Taxonomy

if TYPE_CHECKING:
    import pyarrow as pa

FLAT = (
    "source",
    "record",
    "id",
    "language",
    "tokens_seen",
    "tokens_total",
    "warnings",
    "taxonomy",
    "version",
    "label",
    "code",
    "parent",
    "title_en",
    "title_ja",
    "score",
    "decision",
    "calibrated",
    "verdict",
    "verdict_reasons",
    "tier",
    "bundle",
)
Titles = Mapping[str, tuple[str, str]]


def titles_of(taxonomies: tuple[Taxonomy, ...]) -> dict[str, tuple[str, str]]:
    """Return the English and the Japanese title by label id."""
    return {
        label.id: (label.title.en, label.title.ja)
        for taxonomy in taxonomies
        for label in taxonomy.labels
    }


def flat_rows(row: Row, titles: Titles) -> list[dict[str, Any]]:
    """Return the flat rows of a nested one, keys in the order of ``FLAT``: taxonomies in order,
    labels highest score first, a sub-item after its category. ``warnings`` are their codes with a
    blank between them, ``label`` is the id of ``code`` within the taxonomy, ``parent`` the code of
    the category of a sub-item; ``verdict_reasons`` are codes of reasons, each with its field, as in
    ``rule_without_text:21``. The labels are those that the nested row shows."""
    common = {
        **{name: row[name] for name in FLAT[:6]},
        "warnings": " ".join(warning["code"] for warning in row["warnings"]),
    }
    ends = {
        "verdict": None if row["screening"] is None else row["screening"]["verdict"],
        "verdict_reasons": None if row["screening"] is None else _reasons(row["screening"]),
        "tier": row["tier"],
        "bundle": row["bundle"],
    }
    found = [{**common, **label, **ends, "tier": tier} for label, tier in _flagged(row, titles)]
    return found or [{**common, **dict.fromkeys(FLAT[7:17]), **ends}]


def _reasons(screening: Mapping[str, Any]) -> str:
    """Return the codes of a verdict's reasons, each with its field, a blank between them."""
    found = [(one["code"], one["field"]) for one in screening["reasons"]]
    return " ".join(code if field is None else f"{code}:{field}" for code, field in found)


def _flagged(row: Row, titles: Titles) -> Iterator[tuple[dict[str, Any], str]]:
    for taxonomy in row["taxonomies"]:
        for category in taxonomy["labels"]:
            pairs = [(category, None)]
            pairs += [(child, category["code"]) for child in category["children"]]
            for label, parent in pairs:
                if label["decision"] != "not_assigned":
                    yield _flat_label(taxonomy, label, parent, titles), taxonomy["tier"]


def _flat_label(
    taxonomy: Mapping[str, Any], label: Mapping[str, Any], parent: str | None, titles: Titles
) -> dict[str, Any]:
    name = f"{taxonomy['id']}:{label['code']}"
    title_en, title_ja = titles[name]
    return {
        "taxonomy": taxonomy["id"],
        "version": taxonomy["version"],
        "label": name,
        "code": label["code"],
        "parent": parent,
        "title_en": title_en,
        "title_ja": title_ja,
        "score": label["score"],
        "decision": label["decision"],
        "calibrated": label["calibrated"],
    }


def arrow() -> Any:
    """Return the module pyarrow; raise CritechError that says how to get it."""
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise CritechError(
            "Parquet needs the package pyarrow: pip install 'critech[batch]'"
        ) from None
    return pyarrow


def give_memory_back() -> None:
    """Let Arrow take memory from the system's allocator, which keeps least of what was freed,
    unless the environment chooses another one. It counts for the whole process, so this is for
    programs of our own."""
    pa = arrow()
    if "ARROW_DEFAULT_MEMORY_POOL" not in os.environ:
        pa.set_memory_pool(pa.system_memory_pool())


def nested_schema() -> pa.Schema:
    """Return the Arrow schema of the nested layout."""
    pa = arrow()
    label = [
        pa.field("code", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("calibrated", pa.bool_(), nullable=False),
    ]
    labels = pa.list_(pa.struct([*label, ("children", pa.list_(pa.struct(label)))]))
    taxonomy = [("id", pa.string()), ("version", pa.string()), ("tier", pa.string())]
    screening = [
        ("verdict", pa.string()),
        ("reasons", pa.list_(pa.struct([("code", pa.string()), ("field", pa.string())]))),
        ("fields", pa.list_(pa.struct([("code", pa.string()), ("outcome", pa.string())]))),
    ]
    warning = pa.struct([("code", pa.string()), ("message", pa.string())])
    return pa.schema(
        [
            *_identity(pa),
            pa.field("warnings", pa.list_(warning), nullable=False),
            pa.field("assigned", pa.list_(pa.string()), nullable=False),
            pa.field("possible", pa.list_(pa.string()), nullable=False),
            pa.field(
                "taxonomies", pa.list_(pa.struct([*taxonomy, ("labels", labels)])), nullable=False
            ),
            pa.field("screening", pa.struct(screening)),
            *_origin(pa),
        ]
    )


def flat_schema() -> pa.Schema:
    """Return the Arrow schema of the flat layout."""
    pa = arrow()
    texts = ("taxonomy", "version", "label", "code", "parent", "title_en", "title_ja")
    return pa.schema(
        [
            *_identity(pa),
            pa.field("warnings", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in texts),
            pa.field("score", pa.float64()),
            pa.field("decision", pa.string()),
            pa.field("calibrated", pa.bool_()),
            pa.field("verdict", pa.string()),
            pa.field("verdict_reasons", pa.string()),
            *_origin(pa),
        ]
    )


def _identity(pa: Any) -> list[Any]:
    return [
        pa.field("source", pa.string(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("id", pa.string()),
        pa.field("language", pa.string(), nullable=False),
        pa.field("tokens_seen", pa.int64(), nullable=False),
        pa.field("tokens_total", pa.int64(), nullable=False),
    ]


def _origin(pa: Any) -> list[Any]:
    return [
        pa.field("tier", pa.string(), nullable=False),
        pa.field("bundle", pa.string(), nullable=False),
    ]
