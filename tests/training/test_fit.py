import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

from critech.decision import decide_all
from critech_training.fit import (
    CalibrationConfig,
    HeadConfig,
    choose_thresholds,
    coverage_floor,
    fit_calibration,
    fit_heads,
    fit_vocabulary,
    margins,
    negative_weight,
)
from critech_training.metrics import average_precision

CONFIG = HeadConfig(min_document_count=2)


def test_the_vocabulary_keeps_what_is_frequent() -> None:
    vocabulary = fit_vocabulary([[1, 2], [1, 2], [1, 3]], CONFIG)
    assert vocabulary.keys.tolist() == [1 << 32, (1 << 32) + 3, 2 << 32]
    assert np.all(np.diff(vocabulary.idf[[0, 2]]) > 0)
    few = fit_vocabulary([[1, 2], [1, 2], [1, 3]], HeadConfig(min_document_count=2, max_features=1))
    assert few.keys.tolist() == [1 << 32]


def test_heads_separate_what_is_separable_and_mask_strength_1() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    strengths = np.zeros((60, 3), dtype=np.int8)
    strengths[vectors[:, 0] > 0.3, 0] = 2
    strengths[0, 2] = 2  # a single positive is too few
    tokens = [[7]] * 60
    config = dataclasses.replace(CONFIG, dense_inverse_regularisation=100.0)
    heads = fit_heads(vectors, tokens, strengths, config, n_jobs=1)
    z = margins(heads, vectors, tokens)
    positive = strengths[:, 0] == 2
    assert average_precision(z[:, 0], positive) == 1.0
    assert np.all(z[:, 1:] == CONFIG.absent_margin)
    flipped = strengths.copy()
    flipped[positive, 0] = 1
    assert np.all(
        margins(fit_heads(vectors, tokens, flipped, CONFIG, 1), vectors, tokens)[:, 0] < 0
    )


def test_words_are_weighed_apart_from_vectors() -> None:
    """Where vectors explain all, as those of a tuned encoder do, words still get their weights."""
    strengths = np.repeat(np.array([[2], [0]], dtype=np.int8), 20, axis=0)
    tokens = [[1, 5] if row < 20 else [2, 5] for row in range(40)]
    telling = np.where(np.arange(40)[:, None] < 20, [1.0, 0.0], [0.0, 1.0]).astype(np.float32)
    both = fit_heads(telling, tokens, strengths, CONFIG)
    words = fit_heads(np.ones_like(telling), tokens, strengths, CONFIG)
    alone = fit_heads(telling, [[5]] * 40, strengths, CONFIG)
    assert np.array_equal(both.lexical, words.lexical)
    assert np.array_equal(both.dense, alone.dense)
    apart = margins(words, np.ones_like(telling), tokens) + margins(alone, telling, [[5]] * 40)
    np.testing.assert_allclose(margins(both, telling, tokens), apart, atol=0.1)


def test_a_rare_label_weighs_as_much_as_its_negatives() -> None:
    strengths = np.zeros((40, 2), dtype=np.int8)
    strengths[:20, 0] = strengths[:4, 1] = 2
    tokens = [[1 if row < 4 else 2, 3] for row in range(40)]
    vectors = np.zeros((40, 2), dtype=np.float32)
    assert np.all(
        margins(fit_heads(vectors, tokens, strengths, CONFIG), vectors, tokens)[:4, 1] > 0
    )


def test_a_label_is_fitted_by_one_thread_of_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in which several threads add up would show in a bundle's bytes."""
    seen: list[int] = []

    def counted(self: LogisticRegression, *arguments: object) -> object:
        seen.extend(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        return plain(self, *arguments)

    plain = LogisticRegression.fit
    monkeypatch.setattr(LogisticRegression, "fit", counted)
    strengths = np.repeat(np.array([[2], [0]], dtype=np.int8), 4, axis=0)
    with threadpool_limits(limits=4, user_api="blas"):
        fit_heads(np.eye(8, dtype=np.float32), [[1, 2]] * 8, strengths, CONFIG)
    assert seen
    assert set(seen) == {1}


def test_calibration_recovers_probabilities_per_language() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(4000, 2)).astype(np.float32) * 2
    rows = np.arange(4000) % 2
    true = 1 / (1 + np.exp(-(np.where(rows[:, None] == 0, 1.5, 0.5) * z - 1)))
    strengths = (rng.random(z.shape) < true).astype(np.int8) * 2
    found = fit_calibration(z, strengths, rows, ["a", "a"], CalibrationConfig())
    np.testing.assert_allclose(found.slope[:, 0], [1.5, 0.5], atol=0.15)
    np.testing.assert_allclose(found.offset, -1, atol=0.2)
    assert found.fitted.all()


def test_a_label_with_few_positives_takes_the_common_fit() -> None:
    z = np.array([[2.0, 2.0], [-2.0, -2.0]] * 50, dtype=np.float32)
    strengths = np.zeros((100, 2), dtype=np.int8)
    strengths[::2, 0] = 2
    strengths[0, 1] = 2
    found = fit_calibration(z, strengths, np.zeros(100, int), ["a", "a"], CalibrationConfig())
    assert found.fitted[0].tolist() == [True, False]
    assert not found.fitted[1].any()
    assert found.slope[0, 0] == found.slope[0, 1]


def test_thresholds_follow_their_rules() -> None:
    scores = np.array([[0.9], [0.8], [0.4], [0.7], [0.1]], dtype=np.float32)
    strengths = np.array([[2], [2], [2], [0], [0]], dtype=np.int8)
    config = CalibrationConfig(possible_recall={"a": 0.95})
    found = choose_thresholds(scores, strengths, np.zeros(5, int), ["a"], config)
    assert np.isclose(found.assigned[0, 0], 3 / 7)  # F1 is highest, 6/7, with all three
    assert found.possible[0, 0] <= found.assigned[0, 0]
    assert (scores[strengths == 2] >= found.possible[0, 0]).mean() >= 0.95
    assert found.assigned[1, 0] == 0.5  # no Japanese text to choose by


def test_half_of_the_best_f1_is_the_best_cut_off_for_calibrated_scores() -> None:
    """On fresh texts of the same kind it loses less than the very cut-off that was best before."""
    rng = np.random.default_rng(4)
    lost, lost_by_argmax = [], []
    for _ in range(40):
        scores = rng.beta(0.3, 2.0, size=(2, 400, 1)).astype(np.float32)
        positive = rng.random(scores.shape) < scores
        strengths = (positive[0] * 2).astype(np.int8)
        rows = np.zeros(len(strengths), int)
        found = choose_thresholds(scores[0], strengths, rows, ["a"], CalibrationConfig())
        grid = np.linspace(0.01, 0.99, 99)
        fresh = [_f1(scores[1], positive[1], cut) for cut in grid]
        on_old = [_f1(scores[0], positive[0], cut) for cut in grid]
        lost.append(max(fresh) - _f1(scores[1], positive[1], float(found.assigned[0, 0])))
        lost_by_argmax.append(max(fresh) - fresh[int(np.argmax(on_old))])
    assert np.mean(lost) < 0.9 * np.mean(lost_by_argmax)


def _f1(scores: np.ndarray, positive: np.ndarray, cut: float) -> float:
    chosen = scores >= cut
    return 2 * (chosen & positive).sum() / (chosen.sum() + positive.sum())


def test_companions_add_as_many_labels_as_they_may() -> None:
    """Five of ten English texts have a label; by a fifth of a label each, one more in all."""
    best = [0.9, 0.8, 0.7, 0.6, 0.5] + [0.01] * 5 + [0.01]
    second = [0.009, 0.016, 0.007, 0.006, 0.005] + [0.009] * 5 + [0.9]
    scores = np.array([best, second], dtype=np.float32).T
    strengths = np.array([[2, 0]] * 5 + [[0, 0]] * 5 + [[0, 2]], dtype=np.int8)
    rows, config = np.array([0] * 10 + [1]), CalibrationConfig(companions={"a": 0.2})
    thresholds = choose_thresholds(scores, strengths, rows, ["a", "a"], config)
    (found,) = thresholds.companions
    assert found.columns.tolist() == [0, 1]
    assert found.share.tolist() == [np.float32(0.016) / np.float32(0.8), 1.0]
    decided = [decide_all(row, thresholds, 0, [None, None]) for row in scores[:10]]
    assert [row[1] for row in decided] == ["not_assigned", "possible", *["not_assigned"] * 8]
    none = dataclasses.replace(config, companions={"a": 0.19})
    (found,) = choose_thresholds(scores, strengths, rows, ["a", "a"], none).companions
    assert found.share.tolist() == [1.0, 1.0]
    assert choose_thresholds(scores, strengths, rows, ["b", "b"], config).companions == ()


def test_a_label_that_was_never_learned_is_no_companion() -> None:
    """Its scores are all the same, and so would be near the best one of every unsure text."""
    rng = np.random.default_rng(7)
    learned = rng.uniform(0.3, 0.9, size=(50, 2)) * np.eye(2)[np.arange(50) % 2]
    scores = np.hstack([learned, np.full((50, 3), 0.05)]).astype(np.float32)
    strengths = np.zeros((50, 5), dtype=np.int8)
    strengths[np.arange(50), np.arange(50) % 2] = 2
    config = CalibrationConfig(companions={"a": 0.2})
    (found,) = choose_thresholds(scores, strengths, np.zeros(50, int), ["a"] * 5, config).companions
    assert found.columns.tolist() == [0, 1]


def test_a_list_with_sub_items_has_no_companions() -> None:
    config = CalibrationConfig(companions={"a": 0.2})
    groups = ["a", "a sub-items"]
    empty = np.zeros((0, 2))
    with pytest.raises(ValueError, match="a has sub-items"):
        choose_thresholds(
            empty.astype(np.float32), empty.astype(np.int8), np.zeros(0, int), groups, config
        )


def test_recall_may_count_twice_instead() -> None:
    positive, negative = [0.9, 0.8, 0.3, 0.05], [0.5] * 4 + [0.2] * 30
    scores = np.array([[s] for s in positive + negative], dtype=np.float32)
    strengths = np.array([[2]] * len(positive) + [[0]] * len(negative), dtype=np.int8)
    rows = np.zeros(len(scores), int)
    by_f = choose_thresholds(scores, strengths, rows, ["k"], CalibrationConfig())
    by_recall = choose_thresholds(scores, strengths, rows, ["us-ecra-14"], CalibrationConfig())
    assert by_f.assigned[0, 0] == by_recall.assigned[0, 0] == np.float32(1 / 3)
    assert 0.2 < by_f.possible[0, 0] < 0.3
    assert 0.02 <= by_recall.possible[0, 0] <= 0.05


def test_negatives_weigh_what_the_base_rate_asks_for() -> None:
    positive = np.array([True] * 10 + [False] * 90)
    weight = negative_weight(positive, 0.01)
    assert np.isclose(10 / (10 + 90 * weight), 0.01)
    assert negative_weight(positive, None) == 1.0
    assert negative_weight(np.zeros(5, dtype=bool), 0.01) == 1.0


def test_a_lower_base_rate_lowers_scores_and_asks_for_more_before_it_assigns() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(6000, 1)).astype(np.float32) * 2
    strengths = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(np.int8) * 2
    rows = np.zeros(len(z), int)
    found, cut = {}, {}
    for rate in (0.5, 0.05):
        config = CalibrationConfig(base_rates={"a": rate}, label_prior=0.0)
        found[rate] = fit_calibration(z, strengths, rows, ["a"], config)
        scores = np.array([found[rate].scores(one, "en") for one in z])
        threshold = choose_thresholds(scores, strengths, rows, ["a"], config).assigned[0, 0]
        cut[rate] = z[scores[:, 0] >= threshold].min()
    shift = float(found[0.5].offset[0, 0] - found[0.05].offset[0, 0])
    assert np.isclose(shift, np.log(19), atol=0.25)  # the odds of 0.5 over those of 0.05
    assert cut[0.05] > cut[0.5] + 0.5


def test_the_coverage_floor_is_a_low_quantile_per_language_of_texts_long_enough() -> None:
    vocabulary = fit_vocabulary([[1] * 30] * 4, CONFIG)
    known, half, short = [1] * 30, [1] * 15 + [9] * 15, [9]
    rows = np.array([0, 0, 0, 1])
    config = CalibrationConfig(coverage_quantile=0.0, coverage_margin=0.5)
    floor = coverage_floor(vocabulary, [known, half, short, short], rows, config)
    assert np.isclose(floor[0], 0.5 * 29 / 59)
    assert floor[1] == 0.0
