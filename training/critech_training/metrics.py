"""Metrics of a multi-label ranking, with strength 1 left out and bootstrap intervals over texts.

Shapes throughout: ``scores`` float [n_texts, n_labels], ``strengths`` int8 of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from critech_training.corpus import ARGUABLE, POSITIVE

Scores = npt.NDArray[np.floating]
Strengths = npt.NDArray[np.int8]
Decided = npt.NDArray[np.bool_]
N_RESAMPLES = 200


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bootstrap interval. NaN where it is undefined."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """Return the JSON form, undefined values as null."""
        return {name: None if np.isnan(v) else round(float(v), 4) for name, v in vars(self).items()}


def ranking_steps(
    scores: Scores, positive: Decided
) -> tuple[Scores, npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Return every distinct score from the highest down, and how many pairs and how many positives
    reach it. Shapes: all [n_distinct]; the input must not be empty."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(positive[order])
    last_of_tie = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return ranked[last_of_tie], last_of_tie + 1, hits[last_of_tie]


def average_precision(scores: Scores, positive: Decided) -> float:
    """Return the average precision of a ranking; ties count as one step. NaN without positives."""
    n_positive = int(positive.sum())
    if n_positive == 0:
        return float("nan")
    _, chosen, hits = ranking_steps(scores, positive)
    return float(np.sum(np.diff(hits / n_positive, prepend=0.0) * (hits / chosen)))


def _scored(strengths: Strengths, min_positives: int) -> npt.NDArray[np.integer]:
    """Return the labels that have enough positives."""
    return np.flatnonzero((strengths == POSITIVE).sum(axis=0) >= min_positives)


def mean_average_precision(scores: Scores, strengths: Strengths, min_positives: int) -> float:
    """Return the mean over labels with enough positives. NaN when there is none."""
    values = []
    for j in _scored(strengths, min_positives):
        used = strengths[:, j] != ARGUABLE
        values.append(average_precision(scores[used, j], strengths[used, j] == POSITIVE))
    return float(np.mean(values)) if values else float("nan")


def micro_f1(decided: Decided, strengths: Strengths) -> float:
    """Return F1 over all text-label pairs except those of strength 1."""
    used = strengths != ARGUABLE
    hit = (decided & (strengths == POSITIVE)).sum()
    total = (decided & used).sum() + (strengths == POSITIVE).sum()
    return float(2 * hit / total) if total else float("nan")


def macro_f1(decided: Decided, strengths: Strengths, min_positives: int) -> float:
    """Return the mean F1 over labels with enough positives."""
    values = [
        micro_f1(decided[:, [j]], strengths[:, [j]]) for j in _scored(strengths, min_positives)
    ]
    return float(np.mean(values)) if values else float("nan")


def recall(decided: Decided, strengths: Strengths) -> float:
    """Return the share of positives that are decided for."""
    positives = (strengths == POSITIVE).sum()
    return float((decided & (strengths == POSITIVE)).sum() / positives) if positives else np.nan


def top_k_hit(scores: Scores, strengths: Strengths, k: int) -> float:
    """Return the share of texts with a positive whose k best labels hold one. Labels of strength 1
    are taken out of a text's ranking first."""
    texts = (strengths == POSITIVE).any(axis=1)
    if not texts.any():
        return float("nan")
    ranked = np.where(strengths == ARGUABLE, -np.inf, scores)[texts]
    best = np.argsort(-ranked, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(strengths[texts] == POSITIVE, best, axis=1).any(axis=1)
    return float(hits.mean())


def calibration_error(
    scores: Scores, strengths: Strengths, lowest: float = 0.0, n_bins: int = 10
) -> float:
    """Return the expected calibration error over pairs scored ``lowest`` or more: the mean gap
    between score and frequency in bins of equal width, weighted by their size."""
    bins = reliability(scores, strengths, lowest, n_bins)
    if not bins:
        return float("nan")
    total = sum(one.n_pairs for one in bins)
    return float(sum(abs(one.mean_score - one.frequency) * one.n_pairs / total for one in bins))


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of equal width: how often labels scored there are right."""

    n_pairs: int
    mean_score: float
    frequency: float


def reliability(
    scores: Scores, strengths: Strengths, lowest: float = 0.0, n_bins: int = 10
) -> list[ReliabilityBin]:
    """Return the non-empty bins of all text-label pairs scored ``lowest`` or more, by score."""
    used = (strengths != ARGUABLE) & (scores >= lowest)
    s, y = scores[used], strengths[used] == POSITIVE
    bins = np.minimum((s * n_bins).astype(int), n_bins - 1)
    return [
        ReliabilityBin(
            int((bins == b).sum()), float(s[bins == b].mean()), float(y[bins == b].mean())
        )
        for b in np.unique(bins)
    ]


def precision_recall(
    scores: Scores, strengths: Strengths
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return precision and recall over all text-label pairs at every distinct score, from the
    highest score down. Empty without positives."""
    used = strengths != ARGUABLE
    s, y = scores[used], strengths[used] == POSITIVE
    if not y.any():
        return np.array([]), np.array([])
    _, chosen, hits = ranking_steps(s, y)
    return hits / chosen, hits / y.sum()


@dataclass(frozen=True)
class Slice:
    """Scores and decisions for the labels of one taxonomy on a set of texts. Texts of one number
    in ``groups`` int64 [n_texts], such as a text and its translation, are no independent samples:
    they are resampled together. Without it every text stands for itself."""

    scores: Scores
    strengths: Strengths
    assigned: Decided
    possible: Decided
    groups: npt.NDArray[np.int64] | None = None

    def take(self, rows: npt.NDArray[np.integer]) -> Slice:
        """Return the slice for some of the texts, repeats allowed."""
        return self._cut(rows, None if self.groups is None else self.groups[rows])

    def columns(self, chosen: Sequence[int]) -> Slice:
        """Return the slice for some of the labels."""
        return self._cut((slice(None), list(chosen)), self.groups)

    def _cut(self, key: Any, groups: npt.NDArray[np.int64] | None) -> Slice:
        return Slice(
            self.scores[key], self.strengths[key], self.assigned[key], self.possible[key], groups
        )


def group_numbers(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return a number for each name, alike for like names, in the order they come."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def compare(
    data: Slice,
    other: Slice,
    min_positives: int = 3,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Return for every metric the difference ``data`` less ``other`` on the same texts, with a
    paired bootstrap interval (both are resampled alike) and the share of resamples above zero."""
    functions = metric_functions(_scored(data.strengths, min_positives))
    drawn = [(data.take(rows), other.take(rows)) for rows in resamples(data, n_resamples, seed)]
    out = {}
    for name, function in functions.items():
        differences = [function(mine) - function(theirs) for mine, theirs in drawn]
        defined = [value for value in differences if not np.isnan(value)]
        above = float(np.mean([value > 0 for value in defined])) if defined else None
        interval = percentile_interval(function(data) - function(other), differences)
        out[name] = {**interval.as_dict(), "share_above_zero": above}
    return {"n_texts": len(data.scores), "metrics": out}


def label_figures(
    data: Slice, labels: Sequence[str], n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Return for every label its positives, average precision with interval, and precision, recall
    and recall at ``possible`` of its decisions. Undefined figures are null."""
    drawn = resamples(data, n_resamples, seed)
    out = {}
    for j, label in enumerate(labels):
        used = data.strengths[:, j] != ARGUABLE
        s, y = data.scores[:, j], data.strengths[:, j] == POSITIVE
        assigned, possible = data.assigned[:, j] & used, data.possible[:, j] & used
        n_positives = int(y.sum())
        resampled = [
            average_precision(s[rows][used[rows]], y[rows][used[rows]])
            for rows in (drawn if n_positives else [])
        ]
        value = average_precision(s[used], y[used])
        out[label] = {
            "n_positives": n_positives,
            "n_assigned": int(assigned.sum()),
            "n_possible": int(possible.sum()),
            "average_precision": percentile_interval(value, resampled).as_dict(),
            "precision": _share(int((assigned & y).sum()), int(assigned.sum())),
            "recall": _share(int((assigned & y).sum()), n_positives),
            "recall_possible": _share(int((possible & y).sum()), n_positives),
        }
    return out


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def metric_functions(
    scored_labels: npt.NDArray[np.integer],
) -> dict[str, Callable[[Slice], float]]:
    """Return the metrics by name. Mean average precision and macro F1 are over
    ``scored_labels``, fixed beforehand; one without a positive in a resample is left out of its
    mean there."""

    def over_scored(measure: Callable[..., float], name: str) -> Callable[[Slice], float]:
        def value(s: Slice) -> float:
            return measure(getattr(s, name)[:, scored_labels], s.strengths[:, scored_labels], 1)

        return value

    return {
        "mean_average_precision": over_scored(mean_average_precision, "scores"),
        "micro_f1": lambda s: micro_f1(s.assigned, s.strengths),
        "macro_f1": over_scored(macro_f1, "assigned"),
        "recall_possible": lambda s: recall(s.possible, s.strengths),
        "top_1_hit": lambda s: top_k_hit(s.scores, s.strengths, 1),
        "top_3_hit": lambda s: top_k_hit(s.scores, s.strengths, 3),
        "calibration_error": lambda s: calibration_error(s.scores, s.strengths),
        "calibration_error_from_0.1": lambda s: calibration_error(s.scores, s.strengths, 0.1),
        "flag_rate": lambda s: float(s.possible.any(axis=1).mean()),
    }


def resamples(
    data: Slice, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> list[npt.NDArray[np.integer]]:
    """Return the rows of each bootstrap resample over groups of texts; the same for the same
    arguments."""
    rng = np.random.default_rng(seed)
    n_texts = len(data.scores)
    if data.groups is None:
        return [rng.integers(0, n_texts, n_texts) for _ in range(n_resamples)]
    members = [np.flatnonzero(data.groups == group) for group in np.unique(data.groups)]
    n_groups = len(members)
    drawn = [rng.integers(0, n_groups, n_groups) for _ in range(n_resamples)]
    return [np.concatenate([members[group] for group in groups]) for groups in drawn]


def percentile_interval(value: float, resampled: Sequence[float]) -> Interval:
    """Return a value with the 2.5 and 97.5 percentiles of its resampled values, NaN left out."""
    values = np.array(resampled, dtype=float)
    values = values[~np.isnan(values)]
    low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
    return Interval(value, float(low), float(high))


def normal_interval(value: float, resampled: Sequence[float]) -> Interval:
    """Return a value of 0 to 1 plus and minus 1.96 standard deviations of its resampled values.

    For calibration errors: a resample repeats texts, which makes every gap look wider, so that
    their percentiles lie too high, some of them wholly above the value.
    """
    values = np.array(resampled, dtype=float)
    values = values[~np.isnan(values)]
    half = 1.96 * float(values.std(ddof=1)) if len(values) > 1 else np.nan
    return Interval(value, float(np.clip(value - half, 0, 1)), float(np.clip(value + half, 0, 1)))


def summarise(
    data: Slice, min_positives: int = 3, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Return sample sizes and every metric with its interval, JSON-ready."""
    counts = (data.strengths == POSITIVE).sum(axis=0)
    scored = _scored(data.strengths, min_positives)
    functions = metric_functions(scored)
    n_texts = len(data.scores)
    drawn = [data.take(rows) for rows in resamples(data, n_resamples, seed)]
    metrics = {
        name: _interval_of(name)(function(data), [function(one) for one in drawn]).as_dict()
        for name, function in functions.items()
    }
    return {
        "n_texts": n_texts,
        "n_labels": data.scores.shape[1],
        "n_labels_scored": len(scored),
        "min_positives": min_positives,
        "n_positives": int(counts.sum()),
        "n_positives_scored": int(counts[scored].sum()),
        "n_texts_with_positive": int((data.strengths == POSITIVE).any(axis=1).sum()),
        "metrics": metrics,
    }


def _interval_of(metric: str) -> Callable[[float, Sequence[float]], Interval]:
    return normal_interval if metric.startswith("calibration_error") else percentile_interval
