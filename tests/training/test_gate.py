"""The gate: what a new bundle may not lose, and may not flag."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from critech.screening.model import lower_bound, upper_bound
from critech_training.gate import (
    Row,
    exact_interval,
    negative_rows,
    recall_rows,
    summary,
    wrong_rows,
)
from critech_training.metrics import Slice

LABELS = ("jp-critical-20:01", "jp-critical-20:02", "us-ecra-14:01", "us-ecra-14:01.i")


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_that_of_clopper_and_pearson(counts: tuple[int, int]) -> None:
    low, high = exact_interval(*counts)
    assert low == pytest.approx(lower_bound(*counts, 0.975), abs=1e-9)
    assert high == pytest.approx(upper_bound(*counts, 0.975), abs=1e-9)
    assert low <= counts[0] / counts[1] <= high


def row(measure: str, n: int, old: int, new: int) -> Row:
    return Row("corpus", measure, LABELS[0], "possible", n, old, new, *exact_interval(old, n))


@pytest.mark.parametrize(
    ("measure", "n", "old", "new", "passed"),
    [
        # 20 of 20 has the lower bound 0.832: 17 is 0.85, 16 is 0.80
        ("found", 20, 20, 17, True), ("found", 20, 20, 16, False), ("found", 20, 10, 20, True),
        # 5 of 5: 0.478
        ("found", 5, 5, 3, True), ("found", 5, 5, 2, False), ("found", 4, 4, 0, True),
        # 0 of 200 has the upper bound 0.0183
        ("flagged", 200, 0, 3, True), ("flagged", 200, 0, 4, False), ("flagged", 200, 9, 0, True),
    ],
)  # fmt: skip
def test_a_row_is_held_against_the_interval_of_the_old_bundle(
    measure: str, n: int, old: int, new: int, passed: bool
) -> None:
    assert row(measure, n, old, new).passed is passed
    assert row(measure, n, old, new).as_dict()["judged"] is (n >= 5)


def made(strengths: np.ndarray, possible: np.ndarray, assigned: np.ndarray) -> Slice:
    return Slice(possible.astype(float), strengths.astype(np.int8), assigned, possible)


def test_recall_is_counted_by_label_group_and_language() -> None:
    strengths = np.zeros((20, 4))
    strengths[:12, 0] = strengths[12:15, 1] = strengths[15:19, 2] = 2
    strengths[19, 0] = 1
    everything = strengths > 0
    old = made(strengths, everything, everything)
    lost = everything.copy()
    lost[:6, 0] = False
    new = made(strengths, everything, lost)
    rows = recall_rows("corpus", old, new, LABELS, ["en"] * 10 + ["ja"] * 10)
    found = {(one.of, one.at): (one.n, one.old, one.new, one.passed) for one in rows}
    assert found[LABELS[0], "possible"] == (12, 12, 12, True)
    assert found[LABELS[0], "assigned"] == (12, 12, 6, False)
    assert found[LABELS[1], "assigned"] == (3, 3, 3, True)
    assert found["jp-critical-20, labels with fewer than 5", "assigned"] == (3, 3, 3, True)
    assert found["jp-critical-20", "assigned"] == (15, 15, 9, False)
    assert found["jp-critical-20, en", "assigned"] == (10, 10, 4, False)
    assert found["jp-critical-20, ja", "assigned"] == (5, 5, 5, True)
    assert found["us-ecra-14, ja", "assigned"] == (4, 4, 4, True)
    assert (LABELS[3], "assigned") not in found
    assert not any("sub-items" in name for name, _ in found)


def test_labels_with_few_positives_are_judged_together() -> None:
    labels = tuple(f"jp-kprogram-50:K{i:02}" for i in range(1, 11))
    strengths = np.kron(np.eye(10), np.full((2, 1), 2.0))
    everything = strengths > 0
    new = made(strengths, everything & (np.arange(10) > 4), everything)
    rows = recall_rows("corpus", made(strengths, everything, everything), new, labels, ["en"] * 20)
    failed = [one for one in rows if not one.passed]
    assert {one.of for one in failed} == {
        "jp-kprogram-50, labels with fewer than 5", "jp-kprogram-50", "jp-kprogram-50, en",
    }  # fmt: skip
    assert {(one.n, one.old, one.new, one.at) for one in failed} == {(20, 20, 10, "possible")}


def test_labels_found_wrong_may_not_be_flagged_more() -> None:
    strengths = np.ones((8, 4))
    strengths[:, 0] = 0
    strengths[:, 1] = 2
    few, many = np.zeros((8, 4), dtype=bool), np.ones((8, 4), dtype=bool)
    few[0, 0] = True
    old, new = made(strengths, few, few), made(strengths, many, few)
    rows = {(one.of, one.at): one for one in wrong_rows(old, new, LABELS, ["en"] * 8)}
    assert (rows[LABELS[0], "possible"].old, rows[LABELS[0], "possible"].new) == (1, 8)
    assert not rows[LABELS[0], "possible"].passed
    assert rows[LABELS[0], "assigned"].passed
    assert (LABELS[1], "possible") not in rows
    assert all(one.passed for one in wrong_rows(new, old, LABELS, ["en"] * 8))


def test_texts_that_no_label_applies_to_may_not_be_flagged_more() -> None:
    strengths = np.zeros((40, 4))
    strengths[0, 2] = 2
    strengths[1, 2] = 1
    nothing = np.zeros((40, 4), dtype=bool)
    some = nothing.copy()
    some[:20, 2] = True
    kinds = ["pos", "plain"] * 10 + ["plain"] * 20
    rows = negative_rows(
        made(strengths, nothing, nothing), made(strengths, some, nothing), LABELS, kinds
    )
    found = {(one.of, one.at): (one.n, one.old, one.new, one.passed) for one in rows}
    assert found["any taxonomy, plain texts", "possible"] == (29, 0, 9, False)
    assert found["any taxonomy, plain texts", "assigned"] == (29, 0, 0, True)
    assert found["us-ecra-14, plain texts", "possible"] == (29, 0, 9, False)
    assert found["us-ecra-14, all texts", "possible"] == (38, 0, 18, False)
    assert found["jp-critical-20, all texts", "possible"] == (40, 0, 0, True)


def test_a_manifest_keeps_groups_and_failures() -> None:
    rows = [row("found", 20, 20, 19), row("found", 20, 20, 2)]
    kept = summary(rows)
    assert kept["judged"] == 2
    assert [one["new"] for one in kept["failed"]] == [2]
    assert kept["groups"] == []
    assert kept["failed"][0]["interval"] == [0.8316, 1.0]
