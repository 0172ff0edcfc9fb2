import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from critech_training.metrics import (
    Slice,
    average_precision,
    calibration_error,
    compare,
    group_numbers,
    label_figures,
    macro_f1,
    mean_average_precision,
    micro_f1,
    precision_recall,
    recall,
    reliability,
    summarise,
    top_k_hit,
)

STRENGTHS = np.array([[2, 0, 1], [0, 2, 0], [2, 0, 0], [0, 0, 0]], dtype=np.int8)
SCORES = np.array([[0.9, 0.2, 0.95], [0.4, 0.3, 0.6], [0.35, 0.1, 0.1], [0.2, 0.1, 0.0]])


@given(
    arrays(np.float64, 20, elements=st.sampled_from([0.1, 0.2, 0.5, 0.7])),
    arrays(bool, 20).filter(lambda y: y.any()),
)
def test_average_precision_agrees_with_scikit_learn(s: np.ndarray, y: np.ndarray) -> None:
    assert average_precision(s, y) == pytest.approx(average_precision_score(y, s))


def test_strength_1_is_neither_right_nor_wrong() -> None:
    decided = SCORES > 0.5
    assert micro_f1(decided, STRENGTHS) == pytest.approx(2 * 1 / (2 + 3))
    without = decided.copy()
    without[0, 2] = False
    assert micro_f1(without, STRENGTHS) == micro_f1(decided, STRENGTHS)
    assert mean_average_precision(SCORES, STRENGTHS, 2) == pytest.approx((1 + 2 / 3) / 2)


def test_top_k_leaves_arguable_labels_out() -> None:
    assert top_k_hit(SCORES, STRENGTHS, 1) == pytest.approx(2 / 3)
    assert top_k_hit(SCORES, STRENGTHS, 3) == 1.0


def test_recall_and_macro_f1() -> None:
    assert recall(SCORES > 0.3, STRENGTHS) == pytest.approx(2 / 3)
    assert macro_f1(SCORES > 0.3, STRENGTHS, 2) == pytest.approx(2 * 2 / (3 + 2))


def test_calibration_error() -> None:
    scores = np.full((100, 1), 0.25)
    strengths = np.zeros((100, 1), dtype=np.int8)
    strengths[:25] = 2
    assert calibration_error(scores, strengths) == pytest.approx(0.0)
    assert calibration_error(scores + 0.3, strengths) == pytest.approx(0.3)
    assert np.isnan(calibration_error(scores, strengths, lowest=0.5))


def test_summary_has_sizes_and_intervals_that_hold_the_value() -> None:
    rng = np.random.default_rng(0)
    strengths = (rng.random((80, 4)) < 0.2).astype(np.int8) * 2
    scores = np.clip(strengths / 2 * 0.4 + rng.random((80, 4)) * 0.6, 0, 1)
    found = summarise(Slice(scores, strengths, scores > 0.5, scores > 0.2), n_resamples=100)
    assert (found["n_texts"], found["n_labels"]) == (80, 4)
    assert found["n_positives"] == int((strengths == 2).sum())
    for name, metric in found["metrics"].items():
        assert metric["low"] <= metric["value"] <= metric["high"], name


def test_a_text_and_its_translation_are_one_sample() -> None:
    """Doubling every text tells nothing new: the intervals stay, and would narrow otherwise."""
    rng = np.random.default_rng(2)
    strengths = (rng.random((60, 3)) < 0.3).astype(np.int8) * 2
    scores = np.clip(strengths / 2 * 0.3 + rng.random((60, 3)) * 0.7, 0, 1)
    once = Slice(scores, strengths, scores > 0.5, scores > 0.2)
    twice = once.take(np.repeat(np.arange(60), 2))
    paired = dataclasses.replace(twice, groups=np.repeat(np.arange(60), 2))

    def width(data: Slice) -> float:
        f1 = summarise(data)["metrics"]["micro_f1"]
        return float(f1["high"] - f1["low"])

    assert width(paired) == width(once) > 1.2 * width(twice)
    assert group_numbers(["b", "a", "b"]).tolist() == [0, 1, 0]
    assert paired.columns([0]).take(np.array([5, 4])).groups.tolist() == [2, 2]


def test_no_positives_give_null_not_zero() -> None:
    empty = Slice(SCORES, np.zeros_like(STRENGTHS), SCORES > 0.5, SCORES > 0.2)
    metrics = summarise(empty, n_resamples=5)["metrics"]
    assert metrics["mean_average_precision"]["value"] is None
    assert metrics["top_1_hit"]["value"] is None
    assert metrics["recall_possible"]["value"] is None


def test_a_comparison_is_paired() -> None:
    """A constant gain shows a narrow interval although both figures vary widely by themselves."""
    rng = np.random.default_rng(1)
    strengths = (rng.random((60, 3)) < 0.3).astype(np.int8) * 2
    right = strengths == 2
    worse = right.copy()
    worse[:, 0] = False
    scores = rng.random((60, 3))
    found = compare(Slice(scores, strengths, right, right), Slice(scores, strengths, worse, worse))
    f1 = found["metrics"]["micro_f1"]
    assert 0 < f1["low"] <= f1["value"] <= f1["high"]
    assert f1["share_above_zero"] == 1.0
    same = found["metrics"]["mean_average_precision"]
    assert (same["low"], same["value"], same["high"]) == (0.0, 0.0, 0.0)


def test_label_figures() -> None:
    decided = SCORES > 0.3
    found = label_figures(Slice(SCORES, STRENGTHS, decided, SCORES > 0.05), ["a", "b", "c"])
    assert found["a"]["n_positives"] == 2
    assert (found["a"]["precision"], found["a"]["recall"]) == (pytest.approx(2 / 3, abs=1e-4), 1.0)
    assert found["b"]["recall_possible"] == 1.0
    assert found["c"]["n_assigned"] == 1  # the arguable text is not counted
    assert found["c"]["average_precision"]["value"] is None


def test_reliability_and_curve() -> None:
    bins = reliability(SCORES, STRENGTHS)
    assert sum(one.n_pairs for one in bins) == 11
    assert bins[-1].frequency == 1.0
    precision, found = precision_recall(SCORES, STRENGTHS)
    assert (precision[0], found[-1]) == (1.0, 1.0)
    assert np.all(np.diff(found) >= 0)
    assert len(precision_recall(SCORES, np.zeros_like(STRENGTHS))[0]) == 0
