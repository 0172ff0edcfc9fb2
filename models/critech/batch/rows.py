"""One record in, one row out: the function that every engine applies.

A row depends on its record, the bundle and the options alone. It does not depend on neighbours,
threads, processes or machines, so that a run on a cluster, a run that was resumed and a run on one
core give the same rows to the bit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

from critech.batch.records import Record, Rejected
from critech.batch.screened import screened
from critech.classifier import Classifier, Options
from critech.errors import CritechError
from critech.results import (
    Decision,
    Document,
    DocumentResult,
    LabelResult,
    ModelRef,
    TaxonomyResult,
)
from critech.scorer import Scored
from critech.text import is_readable

Row = dict[str, Any]
First = Callable[[Record], Row | None]
FULL = "full"
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class RowOptions:
    """What of the results goes into a row. ``taxonomies`` None means all; ``top_k`` None means all
    labels; labels below ``min_score`` are left out. Neither of the two shortens the lists
    ``assigned`` and ``possible``. ``screen`` adds the verdict of screening."""

    taxonomies: tuple[str, ...] | None = None
    top_k: int | None = 5
    min_score: float = 0.0
    screen: bool = False


def classify_records(
    classifier: Classifier, records: Sequence[Record], options: RowOptions
) -> list[Row]:
    """Return one row per record, in order, each a dict of plain data that JSON, pickle and Arrow
    take as it is. Its keys, in this order:

    ``source``, ``record``, ``id``: where the record stands, and its id or None;
    ``language``, ``tokens_seen``, ``tokens_total``: as in every result;
    ``warnings``: list of ``{code, message}``;
    ``assigned``, ``possible``: ids of all labels so decided, in label order, each in one list only;
    ``taxonomies``: list of ``{id, version, tier, labels}``; labels are ``{code, score, decision,
    calibrated, children}``, highest score first, children of the same form without ``children``;
    ``screening``: None, or ``{verdict, reasons: [{code, field}], fields: [{code, outcome}]}``, with
    the verdict ``not_screened`` where the record lacks what screening needs;
    ``tier``: which model decided, ``full`` unless words alone (``words``) or the student
    (``student``) decided all taxonomies;
    ``bundle``: digest of the bundle.

    Scores and decisions equal those of ``Classifier.classify`` to the bit. Raise InputError that
    names the record's place in ``records`` for a text without letter or digit, and
    UnknownTaxonomyError for a taxonomy that the bundle does not hold.
    """
    found = classifier.classify(
        [document_of(record) for record in records],
        Options(options.taxonomies, options.top_k, options.min_score),
    )
    verdicts: Sequence[dict[str, Any] | None] = [None] * len(records)
    if options.screen:
        verdicts = screened(classifier, records, found.scored)
    labels = classifier.bundle.labels
    return [
        row_of(
            record,
            result,
            found.model,
            assigned=_decided(labels, one, "assigned", options.taxonomies),
            possible=_decided(labels, one, "possible", options.taxonomies),
            screening=verdict,
        )
        for record, result, one, verdict in zip(
            records, found.results, found.scored, verdicts, strict=True
        )
    ]


def row_of(
    record: Record,
    result: DocumentResult,
    model: ModelRef,
    tier: str = FULL,
    *,
    assigned: Sequence[str] = (),
    possible: Sequence[str] = (),
    screening: dict[str, Any] | None = None,
) -> Row:
    """Return the row of a record, with the keys that ``classify_records`` names."""
    return {
        "source": plain(record.position.source),
        "record": record.position.record,
        "id": plain(record.id),
        "language": result.language,
        "tokens_seen": result.tokens_seen,
        "tokens_total": result.tokens_total,
        "warnings": [warning.as_dict() for warning in result.warnings],
        "assigned": list(assigned),
        "possible": list(possible),
        "taxonomies": [_taxonomy(taxonomy, tier) for taxonomy in result.taxonomies],
        "screening": screening,
        "tier": tier,
        "bundle": model.digest,
    }


def classify_each(
    classifier: Classifier,
    records: Sequence[Record],
    options: RowOptions,
    first: First | None = None,
) -> list[Row | Rejected]:
    """Return what ``classify_records`` gives for each record alone, and for a record that cannot
    be classified, whatever the cause, that it is rejected. A wrong option is raised, since it
    concerns all records. ``first`` is asked before the full model, and may have a row for it."""
    return [_row_or_rejected(classifier, record, options, first) for record in records]


def _row_or_rejected(
    classifier: Classifier, record: Record, options: RowOptions, first: First | None
) -> Row | Rejected:
    if (empty := no_text(record)) is not None:
        return empty
    try:
        if first is not None and (row := first(record)) is not None:
            return row
        return classify_records(classifier, [record], options)[0]
    except CritechError:
        raise
    except Exception as error:  # one record must cost one record; its words stay out of the reason
        return _rejected(record, "failed", f"cannot be classified ({type(error).__name__})")


def no_text(record: Record) -> Rejected | None:
    """Return that a record is rejected for its text alone, None where there is one to classify."""
    if is_readable(record.text):
        return None
    return _rejected(record, "no_text", "text: is empty: no letter, no digit")


def _rejected(record: Record, reason: str, message: str) -> Rejected:
    return Rejected(record.position, reason, message, record.id)


def document_of(record: Record) -> Document:
    """Return what is classified of a record: title and text, in the language declared, if any."""
    language = None if record.language == "und" else record.language
    return Document(text=record.text, id=record.id, title=record.title, language=language)


@overload
def plain(name: str) -> str: ...
@overload
def plain(name: None) -> None: ...
def plain(name: str | None) -> str | None:
    """Return a name that every output takes: a lone surrogate is U+FFFD in it."""
    return None if name is None else _SURROGATE.sub("\ufffd", name)


def check_options(classifier: Classifier, options: RowOptions) -> None:
    """Raise UnknownTaxonomyError for a taxonomy that the bundle does not hold."""
    classifier.classify([], Options(options.taxonomies))


def _decided(
    labels: Sequence[str], scored: Scored, decision: Decision, taxonomies: tuple[str, ...] | None
) -> list[str]:
    return [
        label
        for label, found in zip(labels, scored.decisions, strict=True)
        if found == decision and (taxonomies is None or label.partition(":")[0] in taxonomies)
    ]


def _taxonomy(found: TaxonomyResult, tier: str) -> dict[str, Any]:
    return {
        "id": found.id,
        "version": found.version,
        "tier": tier,
        "labels": [
            {**_label(label), "children": [_label(child) for child in label.children]}
            for label in found.labels
        ],
    }


def _label(found: LabelResult) -> dict[str, Any]:
    return {
        "code": found.code,
        "score": found.score,
        "decision": found.decision,
        "calibrated": found.calibrated,
    }
