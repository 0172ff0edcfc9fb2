import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from critech.decision import Thresholds, abstain, decide, decide_all, lift_parents

PARENTS = [None, 0, 0, None, 3]


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (0.9, "assigned"),
        (0.6, "assigned"),
        (0.59, "possible"),
        (0.2, "possible"),
        (0.19, "not_assigned"),
    ],
)
def test_a_score_on_a_threshold_reaches_it(score: float, decision: str) -> None:
    assert decide(score, assigned=0.6, possible=0.2) == decision


@given(arrays(np.float32, 5, elements=st.floats(0, 1, width=32)))
def test_no_category_is_below_its_sub_items(scores: np.ndarray) -> None:
    lifted = lift_parents(scores, PARENTS)
    assert all(lifted[p] >= lifted[c] for c, p in enumerate(PARENTS) if p is not None)
    assert lifted[0] in (scores[0], scores[1], scores[2])
    np.testing.assert_array_equal(lifted[[1, 2, 4]], scores[[1, 2, 4]])


def test_a_category_is_never_decided_lower_than_a_sub_item() -> None:
    thresholds = Thresholds(
        assigned=np.array([[0.9, 0.5, 0.5, 0.9, 0.5]] * 2, dtype=np.float32),
        possible=np.array([[0.8, 0.2, 0.2, 0.8, 0.2]] * 2, dtype=np.float32),
    )
    scores = np.array([0.6, 0.6, 0.1, 0.3, 0.3], dtype=np.float32)
    assert decide_all(scores, thresholds, 0, PARENTS) == [
        "assigned", "assigned", "not_assigned", "possible", "possible",
    ]  # fmt: skip


def test_abstaining_keeps_what_reached_a_cut_off_and_assigns_nothing() -> None:
    assert abstain(["assigned", "possible", "not_assigned"]) == [
        "possible",
        "possible",
        "not_assigned",
    ]
