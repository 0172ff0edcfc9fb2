"""Grouped cross-validation of the heads inside the corpus, and the label errors it suspects.

A fold never shares a group with the texts its heads are fitted on: with ``by="text"`` a text and
its translation stay together, with ``by="source"`` all that one writer wrote in one part. Scores of
a fold are calibrated, and its thresholds chosen, on the out-of-fold margins of the other folds. The
encoder stays as it is. Single scores decide in every list: there are no heads for all labels of one
together (docs/decisions/0026).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from critech.decision import decide_all
from critech.heads import LANGUAGE_ROW
from critech_labels import Taxonomy
from critech_labels.taxonomy import label_order, parent_positions
from critech_training.corpus import ARGUABLE, POSITIVE, Record, strengths
from critech_training.embedding import FloatArray, TokenRows
from critech_training.evaluate import decided_slice, taxonomy_slices
from critech_training.fit import (
    CalibrationConfig,
    HeadConfig,
    calibrate,
    calibrated_scores,
    fit_heads,
    margins,
)
from critech_training.metrics import Slice

Grouping = Literal["source", "text"]
Folds = npt.NDArray[np.int64]
MIN_POSITIVES_TO_SUSPECT = 5


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold results: the fold of each text, calibrated scores float32 [n_texts, n_labels],
    and slices per taxonomy with the decisions made from them."""

    folds: Folds
    scores: FloatArray
    slices: Mapping[str, Slice]


def assign_folds(names: Sequence[str], n_folds: int) -> Folds:
    """Return a fold in 0..n_folds-1 for each text, given the name of its group. Groups go, the
    largest first, to the fold that is smallest so far; groups of equal size in the order of a hash
    of their name.

    Raise ValueError when there are fewer groups than folds.
    """
    sizes = Counter(names)
    if len(sizes) < n_folds:
        raise ValueError(f"{len(sizes)} groups cannot fill {n_folds} folds")
    order = sorted(sizes, key=lambda name: (-sizes[name], hashlib.sha256(name.encode()).digest()))
    totals = [0] * n_folds
    fold_of = {}
    for name in order:
        fold_of[name] = totals.index(min(totals))
        totals[fold_of[name]] += sizes[name]
    return np.array([fold_of[name] for name in names], dtype=np.int64)


def cross_validate(
    records: Sequence[Record],
    vectors: FloatArray,
    tokens: TokenRows,
    taxonomies: Sequence[Taxonomy],
    *,
    n_folds: int = 5,
    by: Grouping = "source",
    heads: HeadConfig | None = None,
    calibration: CalibrationConfig | None = None,
    threads: int = 2,
) -> CrossValidation:
    """Return out-of-fold scores and decisions for all records, whose ``vectors`` and ``tokens``
    come from ``embed_records``."""
    head_config = heads or HeadConfig()
    config = calibration or CalibrationConfig()
    order = label_order(taxonomies)
    parents = parent_positions(taxonomies)
    y = strengths([record.labels for record in records], order)
    rows = np.array([LANGUAGE_ROW[record.language] for record in records])
    groups = [record.source if by == "source" else record.group for record in records]
    folds = assign_folds(groups, n_folds)
    z = np.empty(y.shape, dtype=np.float32)
    for inside, outside in _parts(folds):
        fitted = fit_heads(
            vectors[outside], [tokens[i] for i in outside], y[outside], head_config, threads
        )
        z[inside] = margins(fitted, vectors[inside], [tokens[i] for i in inside])
    scores = np.empty_like(z)
    decisions: list[Any] = [None] * len(records)
    for inside, outside in _parts(folds):
        languages = _languages(records, outside)
        fit, thresholds = calibrate(z[outside], y[outside], languages, taxonomies, config)
        scores[inside] = calibrated_scores(fit, z[inside], _languages(records, inside), parents)
        for i in inside:
            decisions[i] = decide_all(scores[i], thresholds, int(rows[i]), parents)
    whole = decided_slice(scores, y, decisions, [record.group for record in records])
    slices, _ = taxonomy_slices(whole, taxonomies, order)
    return CrossValidation(folds, scores, slices)


def _parts(folds: Folds) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield the rows of each fold and the rows of all others."""
    for fold in range(int(folds.max()) + 1):
        yield np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)


def _languages(records: Sequence[Record], rows: npt.NDArray[np.intp]) -> list[Literal["en", "ja"]]:
    return [records[i].language for i in rows]


def suspects(
    records: Sequence[Record], scores: FloatArray, order: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the labels that confident learning (cleanlab, one label against the rest) takes for
    errors, the least plausible first: id, label, strength given, out-of-fold score."""
    from cleanlab.filter import find_label_issues

    y = strengths([record.labels for record in records], order)
    found = []
    for j, label in enumerate(order):
        used = np.flatnonzero(y[:, j] != ARGUABLE)
        given = (y[used, j] == POSITIVE).astype(int)
        if given.sum() < MIN_POSITIVES_TO_SUSPECT:
            continue
        p = scores[used, j].astype(float)
        issues = find_label_issues(
            given,
            np.stack([1 - p, p], axis=1),
            return_indices_ranked_by="self_confidence",
            n_jobs=1,
        )
        for i in issues:
            row = used[i]
            confidence = p[i] if given[i] else 1 - p[i]
            found.append(
                {
                    "id": records[row].id,
                    "label": label,
                    "strength": int(y[row, j]),
                    "score": round(float(p[i]), 4),
                    "confidence": round(float(confidence), 4),
                }
            )
    return sorted(found, key=lambda one: (one["confidence"], one["id"], one["label"]))
