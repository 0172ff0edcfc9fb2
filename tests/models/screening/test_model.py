"""Exact bounds, fusion, drift: the numbers behind a certificate."""

from __future__ import annotations

import dataclasses
import json

import pytest
from scipy import stats

from critech.screening.model import (
    Certificate,
    CertificateEntry,
    Fusion,
    ScreeningModel,
    binomial_tail,
    lower_bound,
    upper_bound,
)

FUSION = Fusion(offsets={"exact": 4.0, "subgroup": 2.0, "none": -1.0})
CERTIFICATE = Certificate(
    model_digest="sha256:a",
    calibration_digest="sha256:b",
    calibration_name="gold.jsonl",
    population="filings of 2027, labelled by two examiners",
    n_texts=1000,
    n_out_of_distribution=10,
    date="2026-11-22",
    target_recall=0.95,
    confidence=0.95,
    entries=(CertificateEntry("any", "all", None, 59, 0, 0.9505, "certified", 0),),
)


@pytest.mark.parametrize(("n", "k"), [(59, 59), (100, 95), (10, 0), (1, 1), (299, 299), (40, 7)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.975])
def test_bounds_are_those_of_clopper_and_pearson(n: int, k: int, confidence: float) -> None:
    low = stats.beta.ppf(1 - confidence, k, n - k + 1) if k else 0.0
    high = stats.beta.ppf(confidence, k + 1, n - k) if k < n else 1.0
    assert lower_bound(k, n, confidence) == pytest.approx(low, abs=1e-9)
    assert upper_bound(k, n, confidence) == pytest.approx(high, abs=1e-9)


def test_bounds_without_trials_say_nothing() -> None:
    assert (lower_bound(0, 0, 0.95), upper_bound(0, 0, 0.95)) == (0.0, 1.0)


def test_fifty_nine_without_a_miss_make_ninety_five_percent() -> None:
    assert lower_bound(59, 59, 0.95) >= 0.95 > lower_bound(58, 58, 0.95)
    assert lower_bound(299, 299, 0.95) >= 0.99 > lower_bound(298, 298, 0.95)


@pytest.mark.parametrize(("k", "n", "p"), [(0, 5, 0.1), (3, 5, 0.4), (6, 5, 0.4), (700, 900, 0.7)])
def test_the_binomial_tail_is_exact(k: int, n: int, p: float) -> None:
    assert binomial_tail(k, n, p) == pytest.approx(stats.binom.sf(k - 1, n, p), rel=1e-9)
    assert binomial_tail(1, 5, 0.0) == 0.0
    assert binomial_tail(5, 5, 1.0) == 1.0


def test_fusion_lifts_by_the_rule_lowers_without_it_and_leaves_text_alone() -> None:
    assert FUSION.fuse(0.3, "not_given") == 0.3
    exact, below, none = (FUSION.fuse(0.3, rule) for rule in ("exact", "subgroup", "none"))
    assert exact > below > 0.3 > none
    assert FUSION.fuse(0.0, "exact") > 0.0
    assert FUSION.fuse(1.0, "none") < 1.0
    assert FUSION.fuse(0.5, "none") == pytest.approx(1 / (1 + 2.718281828**1.0), abs=1e-6)


def test_the_formula_has_its_numbers() -> None:
    assert "+4.000" in FUSION.formula("exact")
    assert "no IPC" in FUSION.formula("not_given")


def test_the_json_form_reads_back() -> None:
    model = ScreeningModel(FUSION, {"en": {"01": 0.1}, "ja": {"01": 0.2}}, "rule", CERTIFICATE)
    assert ScreeningModel.from_dict(json.loads(json.dumps(model.as_dict()))) == model
    bare = dataclasses.replace(model, fusion=None, certificate=None)
    assert ScreeningModel.from_dict(json.loads(json.dumps(bare.as_dict()))) == bare


def test_a_batch_unlike_the_calibration_set_voids_the_certificate() -> None:
    assert not CERTIFICATE.void_by_drift(64, 0)
    assert not CERTIFICATE.void_by_drift(64, 1)
    assert not CERTIFICATE.void_by_drift(1000, 18)
    assert CERTIFICATE.void_by_drift(64, 8)
    assert CERTIFICATE.void_by_drift(1000, 40)


def test_the_drift_test_is_rarely_wrong_at_the_calibration_share() -> None:
    wrong = sum(
        stats.binom.pmf(k, 500, 0.01) for k in range(501) if CERTIFICATE.void_by_drift(500, k)
    )
    assert wrong < 0.01
