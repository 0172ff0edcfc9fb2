import json
from dataclasses import replace

import numpy as np
import pytest

from critech.cascade.certificate import GRID, Certificate, certify
from critech.screening.model import lower_bound


def certificate(n_positive: int = 400, n_plain: int = 600) -> Certificate:
    rng = np.random.default_rng(1)
    logits = np.concatenate([rng.normal(4, 1, n_positive), rng.normal(-4, 1, n_plain)])
    has_any = np.arange(n_positive + n_plain) < n_positive
    entries = certify(["a"], logits[:, None].astype(np.float32), has_any[:, None])
    return Certificate(entries, "sha256:m", "sha256:s", "texts of a test", "sha256:c")


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
    assert certificate(n_positive=298).of("a") is None
    assert certificate(n_positive=299).of("a") is not None


def test_bounds_hold_in_at_least_95_percent_of_samples() -> None:
    """The true share kept is known, since scores are uniform: 1 minus the cut-off's own."""
    rng, wrong, n_runs = np.random.default_rng(3), 0, 400
    for _ in range(n_runs):
        scores = rng.random(500).astype(np.float32)
        logits = (GRID[0] + scores * (GRID[-1] - GRID[0]))[:, None]
        (entry,) = certify(["a"], logits, np.ones((500, 1), dtype=np.bool_))
        assert entry.cutoff is not None
        kept = 1 - (entry.cutoff - GRID[0]) / (GRID[-1] - GRID[0])
        wrong += kept < 0.99
    assert wrong <= 0.05 * n_runs + 2 * (n_runs * 0.05 * 0.95) ** 0.5


@pytest.mark.parametrize(
    "change", [{"kept": 399.5}, {"lower_bound": 0.999}, {"n": 100, "kept": 100}, {"kept": 500}]
)
def test_a_bound_that_its_counts_do_not_give_is_refused(change: dict[str, float]) -> None:
    one = certificate()
    raw = json.loads(json.dumps(one.as_dict()))
    assert Certificate.from_dict(raw) == one
    entry = replace(one.entries[0], **change)
    with pytest.raises((ValueError, TypeError)):
        Certificate.from_dict({**raw, "entries": [vars(entry)]})


@pytest.mark.parametrize("change", [{"target": 0.5}, {"confidence": 0.1}, {"target": 1.0}])
def test_a_certificate_of_less_is_refused(change: dict[str, float]) -> None:
    raw = json.loads(json.dumps(certificate().as_dict()))
    with pytest.raises(ValueError, match="target"):
        Certificate.from_dict({**raw, **change})


@pytest.mark.parametrize("cutoff", [float("nan"), float("inf"), "-3"])
def test_a_cutoff_that_is_no_number_is_refused(cutoff: object) -> None:
    raw = json.loads(json.dumps(certificate().as_dict()))
    entry = {**raw["entries"][0], "cutoff": cutoff}
    with pytest.raises((ValueError, TypeError)):
        Certificate.from_dict({**raw, "entries": [entry]})
