"""Rows in two tiers: those that the student decides, and the full model's for the rest."""

from __future__ import annotations

from typing import Any

from critech.batch.records import Record
from critech.batch.rows import Row, RowOptions, document_of, plain
from critech.cascade.judging import Judge, Judged
from critech.classifier import Classifier, checked_passage
from critech.explain import SCORE_DECIMALS
from critech.heads import sigmoid
from critech_labels import Taxonomy

STUDENT = "student"


def student_row(
    classifier: Classifier, judge: Judge, options: RowOptions, record: Record
) -> Row | None:
    """Return the row of a record that the student decides, None where the full model has to.

    It has the keys of ``classify_records``. ``tier`` is ``student``; ``assigned`` is empty, since
    the student never claims a label; ``possible`` has the labels listed. Scores are the student's
    estimates and are marked as not calibrated.
    """
    document = document_of(record)
    judged = judge.judge(checked_passage(document, 0).text(), document.language)
    if judged is None:
        return None
    labels = classifier.bundle.labels
    listed = sorted(position for found in judged.listed.values() for position in found)
    return {
        "source": plain(record.position.source),
        "record": record.position.record,
        "id": plain(record.id),
        "language": judged.language,
        "tokens_seen": judged.tokens_seen,
        "tokens_total": judged.tokens_total,
        "warnings": [],
        "assigned": [],
        "possible": [labels[position] for position in listed],
        "taxonomies": [
            _taxonomy(classifier, taxonomy, judged, options)
            for taxonomy in classifier.bundle.taxonomies
            if taxonomy.id in judged.listed
        ],
        "screening": None,
        "tier": STUDENT,
        "bundle": classifier.model.digest,
    }


def _taxonomy(
    classifier: Classifier, taxonomy: Taxonomy, judged: Judged, options: RowOptions
) -> dict[str, Any]:
    """Return the listed labels of a taxonomy, highest first, sub-items below their category."""
    position = classifier.scorer.position
    listed = set(judged.listed[taxonomy.id])

    def ranked(labels: Any) -> list[dict[str, Any]]:
        own = [position[label.id] for label in labels if position[label.id] in listed]
        rows = [
            {
                "code": classifier.bundle.labels[at].partition(":")[2],
                "score": round(float(sigmoid(judged.logits[at])), SCORE_DECIMALS),
                "decision": "possible",
                "calibrated": False,
            }
            for at in sorted(own, key=lambda at: -judged.logits[at])
        ]
        return [row for row in rows if row["score"] >= options.min_score][: options.top_k]

    return {
        "id": taxonomy.id,
        "version": taxonomy.version,
        "tier": STUDENT,
        "labels": [
            {**row, "children": ranked(taxonomy.children(row["code"]))}
            for row in ranked(taxonomy.top_level())
        ],
    }



