"""Margins of held-out texts by heads that know nothing of their writer.

Held-out texts share their writers with the texts that heads are fitted on, a filing does not. So
heads are fitted several times, each time without a share of the corpus's parts, a part being what
one writer wrote in one round; a held-out text gets the margins of the heads that its part is
missing from (docs/decisions/0024).
"""

from __future__ import annotations

import numpy as np

from critech_training.corpus import POSITIVE
from critech_training.crossval import assign_folds
from critech_training.embedding import FloatArray, Part
from critech_training.fit import HeadConfig, Strengths, fit_heads, margins
from critech_training.judged import JudgedTexts


def margins_of_unknown_writers(
    fit: Part,
    held_out: Part,
    strengths: Strengths,
    known: FloatArray,
    config: HeadConfig,
    *,
    n_folds: int,
    n_jobs: int = 2,
    judged: JudgedTexts | None = None,
) -> FloatArray:
    """Return margins float32 [n_held_out, n_labels], a column for each label of ``strengths``, int8
    [n_fit, n_labels]. ``judged`` texts, of the same labels, are no writer's: all heads see them.

    ``known`` are the margins, of the same shape, by heads that were fitted on every part. They
    stand where leaving parts out takes more than the writer: for a label that keeps fewer than
    ``config.min_positives`` positives or no negative, and for all of a corpus of one part.
    """
    found = known.copy()
    sources = [record.source for record in (*fit.records, *held_out.records)]
    n_folds = min(n_folds, len(set(sources)))
    if n_folds < 2:
        return found
    folds = assign_folds(sources, n_folds)
    of_fit, of_held_out = np.split(folds, [len(fit.records)])
    for fold in range(n_folds):
        rows, asked = np.flatnonzero(of_fit != fold), np.flatnonzero(of_held_out == fold)
        n_positives, n_negatives = ((strengths[rows] == s).sum(axis=0) for s in (POSITIVE, 0))
        fitted = np.flatnonzero((n_positives >= config.min_positives) & (n_negatives > 0))
        if len(asked) and len(fitted):
            kept, texts = fit.take(rows), held_out.take(asked)
            heads = fit_heads(
                kept.vectors,
                kept.tokens,
                strengths[np.ix_(rows, fitted)],
                config,
                n_jobs,
                judged=None if judged is None else judged.of(fitted),
            )
            found[np.ix_(asked, fitted)] = margins(heads, texts.vectors, texts.tokens)
    return found
