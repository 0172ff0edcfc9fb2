import json
from dataclasses import replace

import numpy as np
import pytest

from critech.cascade.certificate import GRID, Certificate, certify
from critech.screening.model import lower_bound


def certificate(n_positive: int = 400, n_plain: int = 600) -> Certificate:
    rng = np.random.default_rng(1)
    excess = np.concatenate([rng.normal(4, 1, n_positive), rng.normal(-4, 1, n_plain)])
    has_any = np.arange(n_positive + n_plain) < n_positive
    entries = certify(["a"], excess[:, None].astype(np.float32), has_any[:, None])
    return Certificate(entries, "sha256:m", "texts of a test", "sha256:c")


def test_the_cutoff_keeps_what_the_bound_says() -> None:
    (entry,) = certificate().entries
    assert entry.cutoff in GRID
    assert entry.lower_bound == lower_bound(entry.kept, entry.n, 0.95) >= 0.99
    assert entry.n == 400
    assert entry.kept <= entry.passed < entry.n_texts == 1000


def test_the_next_cutoff_would_not_reach_the_target() -> None:
    (entry,) = certificate().entries
    rng = np.random.default_rng(1)
    positives = rng.normal(4, 1, 400).astype(np.float32)
    after = GRID[GRID.index(entry.cutoff) + 1]
    assert lower_bound(int((positives >= after).sum()), 400, 0.95) < 0.99


def test_too_few_texts_give_no_cutoff() -> None:
    (entry,) = certificate(n_positive=298).entries
    assert entry.cutoff is None
    assert certificate(n_positive=298).cutoff("a") is None
    assert certificate(n_positive=299).cutoff("a") is not None


def test_bounds_hold_in_at_least_95_percent_of_samples() -> None:
    """The true share kept is known, since scores are uniform: 1 minus the cut-off's own."""
    rng, wrong, n_runs = np.random.default_rng(3), 0, 400
    for _ in range(n_runs):
        scores = rng.random(500).astype(np.float32)
        excess = (GRID[0] + scores * (GRID[-1] - GRID[0]))[:, None]
        (entry,) = certify(["a"], excess, np.ones((500, 1), dtype=np.bool_))
        assert entry.cutoff is not None
        kept = 1 - (entry.cutoff - GRID[0]) / (GRID[-1] - GRID[0])
        wrong += kept < 0.99
    assert wrong <= 0.05 * n_runs + 2 * (n_runs * 0.05 * 0.95) ** 0.5


def test_texts_that_words_never_decide_go_on() -> None:
    excess = np.full((600, 1), -20, dtype=np.float32)
    excess[:300] = np.inf
    (entry,) = certify(["a"], excess, np.arange(600)[:, None] < 300)
    assert (entry.kept, entry.n, entry.passed, entry.cutoff) == (300, 300, 300, GRID[-1])


def changed(**change: object) -> dict[str, object]:
    """The JSON form with other values in its one entry."""
    raw = json.loads(certificate().to_bytes())
    return {**raw, "entries": [{**raw["entries"][0], **change}]}


def test_a_certificate_survives_writing_and_reading() -> None:
    one = certificate()
    assert Certificate.from_dict(json.loads(one.to_bytes())) == one
    assert one.digest != replace(one, population="others").digest
    without = certificate(n_positive=12)
    assert Certificate.from_dict(json.loads(without.to_bytes())) == without


@pytest.mark.parametrize(
    "change",
    [
        {"kept": 399.5},
        {"kept": 500},
        {"kept": True},
        {"n": 100, "kept": 100},
        {"n": 10**9, "n_texts": 10**9, "passed": 10**9, "kept": 5 * 10**8},
        {"n": 9 * 10**8, "n_texts": 10**9, "passed": 9 * 10**8, "kept": 9 * 10**8},
        {"lower_bound": 0.999},
        {"n_texts": 0},
        {"passed": 0},
        {"passed": 10**6},
        {"cutoff": float("nan")},
        {"cutoff": float("-inf")},
        {"cutoff": -99.0},
        {"cutoff": "-3"},
        {"taxonomy": "a\x1b[2J"},
        {"taxonomy": None},
        {"cutoff": None, "kept": 200},
        {"cutoff": None, "n_texts": "many"},
        {"cutoff": None, "lower_bound": [1]},
    ],
)
def test_an_entry_that_its_counts_do_not_give_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Certificate.from_dict(changed(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"target": 0.5},
        {"target": 1.0},
        {"confidence": 0.1},
        {"format": 2},
        {"population": "a\nb"},
        {"calibration_digest": []},
        {"other_digest": "sha256:o"},
    ],
)
def test_a_certificate_of_something_else_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Certificate.from_dict({**changed(), **change})


def test_a_taxonomy_has_one_entry() -> None:
    raw = json.loads(certificate().to_bytes())
    with pytest.raises(ValueError, match="entries"):
        Certificate.from_dict({**raw, "entries": raw["entries"] * 2})
