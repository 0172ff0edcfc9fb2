"""Rows of records that surely have nothing, by their words or the student."""

from __future__ import annotations

from critech.batch.records import Record
from critech.batch.rows import Row, document_of, row_of
from critech.cascade.words import Words
from critech.classifier import Classifier, checked_passage
from critech.heads import FloatArray
from critech.results import DocumentResult, TaxonomyResult


def words_row(
    classifier: Classifier,
    words: Words,
    cutoffs: FloatArray,
    taxonomies: tuple[str, ...] | None,
    record: Record,
) -> Row | None:
    """Return the row of a record that surely has nothing, None where the full model has to look:
    where the tiers do not decide, or a cut-off [n_taxonomies] is reached.

    It has the keys of ``classify_records``, with the ``tier`` that decided throughout and no label:
    neither tier gives scores.
    """
    document = document_of(record)
    reading = words.read(checked_passage(document, 0).text(), document.language, cutoffs)
    if reading is None or bool((reading.excess >= cutoffs).any()):
        return None
    result = DocumentResult(
        id=record.id,
        language=reading.language,
        tokens_seen=reading.tokens,
        tokens_total=reading.tokens,
        warnings=(),
        taxonomies=tuple(
            TaxonomyResult(one.id, one.version, ())
            for one in classifier.bundle.taxonomies
            if taxonomies is None or one.id in taxonomies
        ),
    )
    return row_of(record, result, classifier.model, reading.tier)
