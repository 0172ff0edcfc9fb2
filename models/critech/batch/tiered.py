"""Rows of records in which the student finds nothing."""

from __future__ import annotations

from critech.batch.records import Record
from critech.batch.rows import Row, document_of, row_of
from critech.cascade.judging import Judge
from critech.classifier import Classifier, checked_passage
from critech.results import DocumentResult, TaxonomyResult

STUDENT = "student"


def student_row(
    classifier: Classifier, judge: Judge, taxonomies: tuple[str, ...] | None, record: Record
) -> Row | None:
    """Return the row of a record that surely has nothing, None where the full model has to look.

    It has the keys of ``classify_records``, with ``tier`` ``student`` throughout and no label: the
    student gives no scores.
    """
    document = document_of(record)
    nothing = judge.judge(checked_passage(document, 0).text(), document.language)
    if nothing is None:
        return None
    result = DocumentResult(
        id=record.id,
        language=nothing.language,
        tokens_seen=nothing.tokens,
        tokens_total=nothing.tokens,
        warnings=(),
        taxonomies=tuple(
            TaxonomyResult(one.id, one.version, ())
            for one in classifier.bundle.taxonomies
            if taxonomies is None or one.id in taxonomies
        ),
    )
    return row_of(record, result, classifier.model, STUDENT)
