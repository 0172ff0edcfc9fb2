"""Fitting of heads, calibration and thresholds on vectors that are already there."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy import sparse
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from critech.decision import Companions, Thresholds, lift_parents
from critech.heads import LANGUAGE_ROW, Calibration, Heads
from critech.lexical import COVERAGE_TOKENS, LexicalVocabulary, count_features
from critech.text import Language
from critech_labels import Taxonomy
from critech_labels.taxonomy import label_order, parent_positions
from critech_training.corpus import ARGUABLE, POSITIVE
from critech_training.judged import JudgedTexts, judged_weights
from critech_training.metrics import ranking_steps

FloatArray = npt.NDArray[np.float32]
Strengths = npt.NDArray[np.int8]


@dataclass(frozen=True)
class HeadConfig:
    """Hyper-parameters of the heads, chosen on the held-out part of the corpus
    (docs/decisions/0020). A judged text counts as ``judged_weight`` texts of the corpus
    (docs/decisions/0013)."""

    scale: float = 8.0
    dense_inverse_regularisation: float = 1.0
    lexical_inverse_regularisation: float = 30.0
    min_document_count: int = 2
    max_features: int = 48_000
    min_positives: int = 2
    absent_margin: float = -9.0
    judged_weight: float = 4.0


@dataclass(frozen=True)
class CalibrationConfig:
    """Prior strengths of the calibration, and the rules for the thresholds.

    ``base_rates``: for each calibration group the share of text-label pairs taken to be positive
    where a bundle is used (docs/decisions/0004). The corpus is far richer, so its negatives are
    weighted until positives have that share.
    ``unknown_writers``: the calibration groups whose margins come from heads fitted without the
    part of the corpus that a text is in, ``writer_folds`` times in all (docs/decisions/0024).
    ``companions``: for a taxonomy without sub-items, how many labels more a text with a label may
    have on average for being near its best one (docs/decisions/0025).
    """

    base_rates: Mapping[str, float] = field(
        default_factory=lambda: {
            "jp-critical-20": 0.04,
            "us-ecra-14": 0.012,
            "us-ecra-14 sub-items": 0.003,
            "jp-secret-patent-25": 0.004,
            "jp-kprogram-50": 0.002,
        }
    )
    label_prior: float = 4.0
    min_positives: int = 5
    possible_recall: Mapping[str, float] = field(
        default_factory=lambda: {
            "jp-critical-20": 0.98,
            "jp-secret-patent-25": 0.95,
            "us-ecra-14": 0.98,
        }
    )
    possible_beta: float = 2.0
    lowest_possible: float = 0.02
    coverage_quantile: float = 0.002
    coverage_margin: float = 0.9
    unknown_writers: tuple[str, ...] = (
        "jp-critical-20",
        "us-ecra-14",
        "us-ecra-14 sub-items",
    )
    writer_folds: int = 5
    companions: Mapping[str, float] = field(
        default_factory=lambda: {"jp-secret-patent-25": 0.2, "jp-kprogram-50": 0.2}
    )


def fit_vocabulary(token_rows: Sequence[Sequence[int]], config: HeadConfig) -> LexicalVocabulary:
    """Return the features that occur in enough texts, the most frequent first when too many."""
    documents: Counter[int] = Counter()
    for ids in token_rows:
        documents.update(count_features(ids)[0].tolist())
    frequent = [
        (key, count) for key, count in documents.items() if count >= config.min_document_count
    ]
    frequent.sort(key=lambda pair: (-pair[1], pair[0]))
    kept = sorted(frequent[: config.max_features])
    keys = np.array([key for key, _ in kept], dtype=np.uint64)
    counts = np.array([count for _, count in kept], dtype=np.float64)
    idf = np.log((1.0 + len(token_rows)) / (1.0 + counts)) + 1.0
    return LexicalVocabulary(keys, idf.astype(np.float32))


def lexical_matrix(
    vocabulary: LexicalVocabulary, token_rows: Sequence[Sequence[int]]
) -> sparse.csr_matrix:
    """Return TF-IDF features, sparse float32 [n_texts, n_features], rows of unit length."""
    rows = [vocabulary.transform(ids) for ids in token_rows]
    indptr = np.cumsum([0, *(len(index) for index, _ in rows)])
    return sparse.csr_matrix(
        (
            np.concatenate([weights for _, weights in rows]),
            np.concatenate([index for index, _ in rows]),
            indptr,
        ),
        shape=(len(rows), len(vocabulary.keys)),
    )


def fit_heads(
    vectors: FloatArray,
    token_rows: Sequence[Sequence[int]],
    strengths: Strengths,
    config: HeadConfig,
    n_jobs: int = 2,
    *,
    judged: JudgedTexts | None = None,
    known: Heads | None = None,
) -> Heads:
    """Return two logistic regressions per label, one over dense and one over lexical features,
    whose margins add up.

    The two never see each other: the encoder was tuned on the texts that heads are fitted on, so
    that a joint fit would find nothing left for words to explain. Strength 1 is left out of a
    label's fit. A label with fewer than ``min_positives`` positives gets a constant margin far
    below any other. Judged texts take part in the fit of the labels
    that they are judged for, and in nothing else: not in vocabulary, document counts, centre and
    class weights, from which a single text could be taken out again. ``known`` are heads fitted on
    the same texts by the same configuration without judged ones: labels that nothing is judged of
    keep theirs.
    """
    vocabulary = fit_vocabulary(token_rows, config)
    center = vectors.mean(axis=0).astype(np.float32)
    dense = (vectors - center) * np.float32(config.scale)
    lexical = lexical_matrix(vocabulary, token_rows)
    weights = np.ones(strengths.shape)
    balance = _class_weights(strengths)
    if judged is not None and len(judged.strengths):
        dense = np.vstack([dense, (judged.vectors - center) * np.float32(config.scale)])
        rows = lexical_matrix(vocabulary, judged.tokens)
        lexical = sparse.vstack([lexical, rows], format="csr")
        added = judged_weights(strengths, judged.strengths, config.judged_weight)
        weights = np.vstack([weights, added])
        strengths = np.vstack([strengths, judged.strengths])
    old = _no_heads(strengths.shape[1], center, vocabulary, config)
    chosen = list(range(strengths.shape[1]))
    if known is not None and judged is not None and _same_features(known, old):
        old = known
        chosen = np.flatnonzero((judged.strengths != ARGUABLE).any(axis=0)).tolist()
    posed = {j: _Problem.of(strengths[:, j], weights[:, j], balance[j]) for j in chosen}
    problems = {j: one for j, one in posed.items() if one.positive.sum() >= config.min_positives}
    X_dense = sparse.csr_matrix(dense)
    # threads: processes would hand the features over by files, and liblinear runs without the lock;
    # one thread of BLAS for each: more of them round otherwise, and take five times as long
    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        # labels that words cannot part are left where the last round ends
        warnings.simplefilter("ignore", ConvergenceWarning)
        by_vector = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(_fit_dense)(X_dense, problem, config) for problem in problems.values()
        )
        # one after the other: the dual solver's random numbers are the whole process's
        by_words = [_fit_lexical(lexical, problem, config) for problem in problems.values()]
    fitted = zip(by_vector, by_words, strict=True)
    return _with_columns(old, dict(zip(problems, fitted, strict=True)))


Fitted = tuple[npt.NDArray[np.float64], float]


@dataclass(frozen=True)
class _Problem:
    """The fit of one label: the rows used, whether each is positive, what each weighs, and the same
    with either side of the corpus weighing half."""

    rows: npt.NDArray[np.intp]
    positive: npt.NDArray[np.int_]
    weights: npt.NDArray[np.float64]
    balanced: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls,
        strengths: Strengths,
        weights: npt.NDArray[np.float64],
        balance: npt.NDArray[np.float64],
    ) -> _Problem:
        rows = np.flatnonzero(strengths != ARGUABLE)
        positive = (strengths[rows] == POSITIVE).astype(int)
        return cls(rows, positive, weights[rows], weights[rows] * balance[positive])


def _class_weights(strengths: Strengths) -> npt.NDArray[np.float64]:
    """Return per label what a negative and a positive weigh, [n_labels, 2], so that either side
    weighs half of the label's texts."""
    sides = np.stack([(strengths == side).sum(axis=0) for side in (0, POSITIVE)], axis=1)
    each: npt.NDArray[np.float64] = sides.sum(axis=1, keepdims=True) / (2.0 * np.maximum(sides, 1))
    return each


def _no_heads(
    n_labels: int, center: FloatArray, vocabulary: LexicalVocabulary, config: HeadConfig
) -> Heads:
    return Heads(
        center=center,
        scale=config.scale,
        dense=np.zeros((n_labels, len(center)), dtype=np.float32),
        lexical=np.zeros((len(vocabulary.keys), n_labels), dtype=np.float32),
        intercept=np.full(n_labels, config.absent_margin, dtype=np.float32),
        vocabulary=vocabulary,
    )


def _with_columns(heads: Heads, columns: Mapping[int, tuple[Fitted, Fitted]]) -> Heads:
    """Return heads with other coefficients and intercepts for some labels, lexical ones in the
    precision they are stored in."""
    dense, lexical, intercept = heads.dense.copy(), heads.lexical.copy(), heads.intercept.copy()
    for j, (by_vector, by_words) in columns.items():
        dense[j], lexical[:, j] = by_vector[0], by_words[0].astype(np.float16)
        intercept[j] = by_vector[1] + by_words[1]
    return replace(heads, dense=dense, lexical=lexical, intercept=intercept)


def _same_features(one: Heads, other: Heads) -> bool:
    return (
        np.array_equal(one.vocabulary.keys, other.vocabulary.keys)
        and np.array_equal(one.vocabulary.idf, other.vocabulary.idf)
        and np.array_equal(one.center, other.center)
    )


def _fit_dense(X: sparse.csr_matrix, problem: _Problem, config: HeadConfig) -> Fitted:
    model = LogisticRegression(
        C=config.dense_inverse_regularisation, solver="liblinear", random_state=0, max_iter=500
    )
    return _fitted(model, X[problem.rows], problem.positive, problem.weights)


def _fit_lexical(X: sparse.csr_matrix, problem: _Problem, config: HeadConfig) -> Fitted:
    model = LogisticRegression(
        C=config.lexical_inverse_regularisation,
        solver="liblinear",
        dual=True,
        random_state=0,
        max_iter=500,
    )
    return _fitted(model, X[problem.rows], problem.positive, problem.balanced)


def _fitted(
    model: LogisticRegression,
    X: sparse.csr_matrix,
    positive: npt.NDArray[np.int_],
    weights: npt.NDArray[np.float64],
) -> Fitted:
    model.fit(X, positive, weights)
    return model.coef_[0], float(model.intercept_[0])


def margins(heads: Heads, vectors: FloatArray, token_rows: Sequence[Sequence[int]]) -> FloatArray:
    """Return raw margins float32 [n_texts, n_labels]."""
    rows = [heads.margins(v, tuple(ids)) for v, ids in zip(vectors, token_rows, strict=True)]
    return np.stack(rows)


def calibration_group(label: str) -> str:
    """Return what shares a common calibration: a taxonomy, its sub-items apart."""
    taxonomy, _, code = label.partition(":")
    return f"{taxonomy} sub-items" if "." in code else taxonomy


def fit_calibration(
    margins_: FloatArray,
    strengths: Strengths,
    language_rows: npt.NDArray[np.int64],
    taxonomy_of: Sequence[str],
    config: CalibrationConfig,
) -> Calibration:
    """Return Platt scaling per language and label, fitted on held-out margins.

    A common slope and offset is fitted for each taxonomy and language over all its labels; a label
    with enough positives then gets an offset of its own, drawn to the common one by a prior.
    Negatives weigh as much as ``base_rates`` asks for.
    """
    n_labels = margins_.shape[1]
    slope = np.ones((2, n_labels), dtype=np.float32)
    offset = np.zeros((2, n_labels), dtype=np.float32)
    fitted = np.zeros((2, n_labels), dtype=bool)
    for row, group, texts, columns in _cells(language_rows, taxonomy_of):
        z, y = margins_[np.ix_(texts, columns)], strengths[np.ix_(texts, columns)]
        used = y != ARGUABLE
        rate = config.base_rates.get(group)
        weights = np.where(y == POSITIVE, 1.0, negative_weight(y[used] == POSITIVE, rate))
        a, b = _platt(z[used], (y[used] == POSITIVE).astype(float), weights[used])
        slope[row, columns] = a
        offset[row, columns] = b
        for at, j in enumerate(columns):
            mask = used[:, at]
            target = (y[mask, at] == POSITIVE).astype(float)
            if target.sum() >= config.min_positives:
                logits = a * z[mask, at] + b
                offset[row, j] = b + _offset_step(logits, target, weights[mask, at], config)
                fitted[row, j] = True
    return Calibration(slope, offset, fitted)


def _cells(
    language_rows: npt.NDArray[np.int64], taxonomy_of: Sequence[str]
) -> Iterator[tuple[int, str, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield language row, taxonomy, its texts and its labels: what is fitted together."""
    for row in (0, 1):
        texts = np.flatnonzero(language_rows == row)
        for group in dict.fromkeys(taxonomy_of):
            columns = np.array([j for j, name in enumerate(taxonomy_of) if name == group])
            yield row, group, texts, columns


def negative_weight(positive: npt.NDArray[np.bool_], base_rate: float | None) -> float:
    """Return the weight of a negative at which positives make up ``base_rate`` of all weight; 1
    without a base rate or when there is but one class."""
    n_positive = int(positive.sum())
    n_negative = positive.size - n_positive
    if base_rate is None or not n_positive or not n_negative:
        return 1.0
    return (1.0 - base_rate) / base_rate * n_positive / n_negative


def _platt(
    z: npt.NDArray[np.floating], y: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Return slope and offset by weighted maximum likelihood with Platt's smoothed targets."""
    n_pos, n_neg = y.sum(), (1 - y).sum()
    target = np.where(y > 0, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
    z = z.astype(np.float64)

    def loss(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        logits = parameters[0] * z + parameters[1]
        p = 0.5 * (1 + np.tanh(logits / 2))
        value = np.sum(weights * (np.logaddexp(0, logits) - target * logits))
        error = weights * (p - target)
        return float(value), np.array([np.sum(error * z), np.sum(error)])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B")
    return float(max(found.x[0], 1e-3)), float(found.x[1])


def _offset_step(
    logits: npt.NDArray[np.floating],
    y: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    config: CalibrationConfig,
) -> float:
    """Return the extra offset of one label: Newton steps under a Gaussian prior around zero."""
    step = 0.0
    for _ in range(25):
        p = 0.5 * (1 + np.tanh((logits + step) / 2))
        gradient = np.sum(weights * (p - y)) + config.label_prior * step
        step -= float(gradient / (np.sum(weights * p * (1 - p)) + config.label_prior))
    return step


def calibrated_scores(
    calibration: Calibration,
    margins_: FloatArray,
    languages: Sequence[str],
    parents: Sequence[int | None],
) -> FloatArray:
    """Return scores float32 [n_texts, n_labels], no category below any of its sub-items."""
    return np.stack(
        [
            lift_parents(calibration.scores(row, language), parents)
            for row, language in zip(margins_, languages, strict=True)
        ]
    )


def calibrate(
    margins_: FloatArray,
    strengths: Strengths,
    languages: Sequence[Language],
    taxonomies: Sequence[Taxonomy],
    config: CalibrationConfig,
) -> tuple[Calibration, Thresholds]:
    """Return the calibration fitted on held-out margins, and the cut-offs chosen on the scores it
    gives there."""
    groups = [calibration_group(label) for label in label_order(taxonomies)]
    rows = np.array([LANGUAGE_ROW[language] for language in languages])
    calibration = fit_calibration(margins_, strengths, rows, groups, config)
    scores = calibrated_scores(calibration, margins_, languages, parent_positions(taxonomies))
    return calibration, choose_thresholds(scores, strengths, rows, groups, config)


def choose_thresholds(
    scores: FloatArray,
    strengths: Strengths,
    language_rows: npt.NDArray[np.int64],
    taxonomy_of: Sequence[str],
    config: CalibrationConfig,
) -> Thresholds:
    """Return cut-offs per language and taxonomy, chosen on held-out scores, negatives weighted as
    ``base_rates`` asks for.

    ``assigned``: half of the highest micro F1 that any cut-off reaches, which is where F1 is
    highest when scores are calibrated (docs/decisions/0021). ``possible``: for the
    taxonomies named in ``possible_recall`` the highest score at which micro recall is at least
    what stands there, for the others the score with the highest F-beta; never above ``assigned``
    and never below ``lowest_possible``, even where that costs recall. One
    cut-off serves all labels of a taxonomy, since single labels have too few held-out positives.
    Companions: the lowest share of a text's best score at which texts with a label get no more
    labels by it, on average, than ``companions`` allows; labels without a held-out positive have
    no part in it.

    Raise ValueError for ``companions`` of a taxonomy with sub-items."""
    n_labels = scores.shape[1]
    assigned = np.full((2, n_labels), 0.5, dtype=np.float32)
    possible = np.full((2, n_labels), 0.1, dtype=np.float32)
    shares: dict[str, FloatArray] = {}
    for group in config.companions:
        if f"{group} sub-items" in taxonomy_of:
            raise ValueError(f"{group} has sub-items, and so can have no companions")
    learned = (strengths == POSITIVE).any(axis=0)
    for row, group, texts, columns in _cells(language_rows, taxonomy_of):
        s, y = scores[np.ix_(texts, columns)], strengths[np.ix_(texts, columns)]
        used = y != ARGUABLE
        positive = s[used & (y == POSITIVE)]
        if not len(positive):
            continue
        is_positive = y[used] == POSITIVE
        weight = negative_weight(is_positive, config.base_rates.get(group))
        best = _best_f(s[used], is_positive, 1.0, weight)[0] / 2
        if group in config.possible_recall:
            miss = 1 - config.possible_recall[group]
            reach = float(np.quantile(positive, miss, method="lower"))
        else:
            reach = _best_f(s[used], is_positive, config.possible_beta, weight)[1]
        assigned[row, columns] = best
        possible[row, columns] = min(best, max(reach, config.lowest_possible))
        if group in config.companions:
            share = shares.setdefault(group, np.ones(2, dtype=np.float32))
            share[row] = _companion_share(
                s[:, learned[columns]], float(possible[row, columns[0]]), config.companions[group]
            )
    whole = {g: np.flatnonzero([name == g for name in taxonomy_of]) for g in shares}
    return Thresholds(
        assigned,
        possible,
        tuple(Companions(own[learned[own]], shares[group], own) for group, own in whole.items()),
    )


def _companion_share(scores: FloatArray, possible: float, more: float) -> float:
    """Return the lowest share of its best score at which a text that reaches ``possible`` gets, on
    average, at most ``more`` labels that do not; ties together count as too many."""
    flagged = scores[scores.max(axis=1) >= possible]
    ratios = (flagged / flagged.max(axis=1, keepdims=True))[flagged < possible]
    descending = np.unique(ratios)[::-1]
    added = np.searchsorted(-np.sort(ratios)[::-1], -descending, side="right")
    allowed = descending[added <= more * len(flagged)]
    return float(allowed[-1]) if len(allowed) else 1.0


def coverage_floor(
    vocabulary: LexicalVocabulary,
    token_rows: Sequence[Sequence[int]],
    language_rows: npt.NDArray[np.int64],
    config: CalibrationConfig,
) -> FloatArray:
    """Return per language row [2] the lexical coverage below which a text is out of distribution:
    the ``coverage_quantile`` of held-out texts that are long enough, times ``coverage_margin``,
    since other writers' text knows fewer of the features; 0 without such texts."""
    floor = np.zeros(2, dtype=np.float32)
    for row in (0, 1):
        found = [
            vocabulary.coverage(ids)
            for ids, found_row in zip(token_rows, language_rows, strict=True)
            if found_row == row and len(ids) >= COVERAGE_TOKENS
        ]
        if found:
            floor[row] = np.quantile(found, config.coverage_quantile) * config.coverage_margin
    return floor


def _best_f(
    scores: FloatArray, positive: npt.NDArray[np.bool_], beta: float, weight: float = 1.0
) -> tuple[float, float]:
    """Return the highest F-beta and its cut-off, halfway to the next lower score. Recall counts
    ``beta`` times as much as precision, a negative ``weight`` times as much as a positive."""
    cutoffs, chosen, hits = ranking_steps(scores, positive)
    selected = hits + weight * (chosen - hits)
    f = (1 + beta**2) * hits / (selected + beta**2 * positive.sum())
    best = int(np.argmax(f))
    below = cutoffs[best + 1] if best + 1 < len(cutoffs) else 0.0
    return float(f[best]), float((cutoffs[best] + below) / 2)
