import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from critech.decision import Companions, Thresholds, abstain, decide, decide_all, lift_parents

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


def _with_companions(share: float) -> Thresholds:
    """Two lists of four labels; the first has companions, in English."""
    return Thresholds(
        assigned=np.full((2, 8), 0.5, dtype=np.float32),
        possible=np.full((2, 8), 0.2, dtype=np.float32),
        companions=(
            Companions(np.arange(4), np.array([share, 1.0], dtype=np.float32), np.arange(4)),
        ),
    )


def test_a_label_near_the_best_one_is_possible_beside_it() -> None:
    scores = np.array([0.4, 0.11, 0.1, 0.09, 0.4, 0.11, 0.1, 0.09], dtype=np.float32)
    none = ["not_assigned"] * 3
    thresholds = _with_companions(0.25)
    english, japanese = (decide_all(scores, thresholds, row, [None] * 8) for row in (0, 1))
    assert english == ["possible"] * 3 + ["not_assigned", "possible", *none]
    assert japanese == ["possible", *none, "possible", *none]


def test_a_flag_decides_in_place_of_single_scores() -> None:
    """One list is flagged or not; the other one has no companions, and decides by its scores."""
    scores = np.array([0.3, 0.19, 0.1, 0.01, 0.3, 0.19, 0.1, 0.01], dtype=np.float32)
    thresholds = _with_companions(0.25)

    def decided(scores: np.ndarray, flag: bool | None) -> list[str]:
        found = decide_all(scores, thresholds, 0, [None] * 8, [flag])
        assert found[4:] == decide_all(scores, thresholds, 0, [None] * 8)[4:]
        return [{"assigned": "A", "possible": "p", "not_assigned": "-"}[one] for one in found[:4]]

    assert decided(scores, None) == ["p", "p", "p", "-"]
    assert decided(scores, True) == ["p", "p", "p", "-"]
    assert decided(scores, False) == ["-"] * 4
    low = scores / 10
    assert decided(low, None) == ["-"] * 4
    assert decided(low, True) == ["p", "p", "p", "-"]
    sure = np.array([0.6, 0.25, 0.16, 0.01] * 2, dtype=np.float32)
    assert decided(sure, False) == ["A", "p", "p", "-"]  # what is assigned is a flag of its own


def test_no_label_is_possible_beside_none() -> None:
    scores = np.full(8, 0.19, dtype=np.float32)
    assert decide_all(scores, _with_companions(0.01), 0, [None] * 8) == ["not_assigned"] * 8


@given(
    arrays(np.float32, 8, elements=st.floats(0, 1, width=32)),
    st.floats(np.float32(0.01), 1, width=32),
)
def test_companions_add_labels_and_take_none(scores: np.ndarray, share: float) -> None:
    """What is decided is a run of the highest scores, and the same texts have some label."""
    with_ = _with_companions(share)
    without = dataclasses.replace(with_, companions=())
    found, alone = (decide_all(scores, one, 0, [None] * 8) for one in (with_, without))
    for now, before in zip(found, alone, strict=True):
        assert now == before or (before, now) == ("not_assigned", "possible")
    assert found[4:] == alone[4:]
    own = found[:4]
    assert (set(own) == {"not_assigned"}) == (set(alone[:4]) == {"not_assigned"})
    inside = [s for s, d in zip(scores[:4], own, strict=True) if d != "not_assigned"]
    outside = [s for s, d in zip(scores[:4], own, strict=True) if d == "not_assigned"]
    assert not inside or not outside or min(inside) > max(outside)


def test_shares_by_label_are_zero_without_companions() -> None:
    share = _with_companions(0.25).companion_share()
    assert share[0].tolist() == [0.25] * 4 + [0.0] * 4
    assert share[1].tolist() == [1.0] * 4 + [0.0] * 4


def test_abstaining_keeps_what_reached_a_cut_off_and_assigns_nothing() -> None:
    assert abstain(["assigned", "possible", "not_assigned"]) == [
        "possible",
        "possible",
        "not_assigned",
    ]
