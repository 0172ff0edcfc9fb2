"""Certificates: the stated bound holds, also for rare labels, and nothing raises on empty ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from critech.classifier import Classifier
from critech.errors import InputError
from critech.screening.model import (
    OVERALL,
    CertificateEntry,
    Fusion,
    ScreeningModel,
    lower_bound,
)
from critech_labels import load_taxonomy
from critech_training.certify import (
    GRID,
    Calibrating,
    budget,
    certify,
    entry,
    fixed_sequence,
    measure,
    positives_needed,
)
from critech_training.evaluate import GoldText

TAXONOMY = load_taxonomy("jp-secret-patent-25")
N_FIELDS = len(TAXONOMY.labels)
MODEL = ScreeningModel(
    Fusion({"exact": 1.0, "subgroup": 0.5, "none": -1.0}),
    {lang: {label.code: 0.05 for label in TAXONOMY.labels} for lang in ("en", "ja")},
    "a rule",
)
SIMULATIONS = 2_000


def calibrating(scores: np.ndarray, strengths: np.ndarray, pairs: bool = False) -> Calibrating:
    """Return a calibration set in English; with ``pairs`` its second half is Japanese and
    translates the first."""
    numbers = np.arange(len(scores))
    half = len(scores) // 2 if pairs else len(scores)
    rows = (numbers >= half).astype(np.int64)
    scores, strengths = scores.astype(np.float64), strengths.astype(np.int8)
    return Calibrating(scores, strengths, rows, numbers % half, 0)


@pytest.mark.parametrize("recall", [0.80, 0.95, 0.99])
@pytest.mark.parametrize("positives", [5, 60, 400])
def test_the_bound_holds_in_ninety_five_of_a_hundred_calibration_sets(
    recall: float, positives: int
) -> None:
    """2,000 calibration sets with a known recall: the bound exceeds it in at most 5 % of them, up
    to what chance allows on 2,000 (three standard errors)."""
    rng = np.random.default_rng(positives)
    found = rng.binomial(positives, recall, SIMULATIONS)
    bounds = {int(k): entry(("x", "en", 0.1), int(k), positives, 0.95) for k in set(found)}
    too_high = sum(bounds[int(k)].lower_bound > recall for k in found)
    assert too_high / SIMULATIONS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SIMULATIONS)


@pytest.mark.parametrize("positives", [20, 80, 300])
def test_choosing_the_cutoff_keeps_the_guarantee(positives: int) -> None:
    """2,000 calibration sets drawn from a known score distribution: the true recall at the chosen
    cut-off is below the target in at most 5 % of them."""
    rng = np.random.default_rng(positives)
    target = 0.90
    broken = chosen = 0
    for _ in range(SIMULATIONS):
        cutoff = fixed_sequence(rng.beta(2.0, 1.0, positives), target, 0.95)
        if cutoff is not None:
            chosen += 1
            broken += 1 - cutoff**2 < target  # P(score >= cutoff) for beta(2, 1)
    assert broken / SIMULATIONS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SIMULATIONS)
    if positives == 20:
        assert chosen == 0  # 20 positives certify no recall of 0.90
    if positives == 300:
        assert chosen > SIMULATIONS / 2


def test_too_few_positives_give_no_certificate_and_say_how_many_are_missing() -> None:
    found = entry(("jp-secret-patent-25:05", "ja", 0.1), 20, 20, 0.95)
    assert (found.status, found.needed, found.misses) == ("no_certificate", 39, 0)
    assert entry(("x", "en", 0.1), 59, 59, 0.95).status == "certified"
    assert positives_needed(0, 0, 0.95) == 59
    assert positives_needed(0, 0, 0.99) == 299
    with_miss = positives_needed(59, 1, 0.95)
    assert lower_bound(58 + with_miss, 59 + with_miss, 0.95) >= 0.95
    assert lower_bound(57 + with_miss, 58 + with_miss, 0.95) < 0.95


def test_a_stream_of_negatives_certifies_nothing_and_raises_nothing() -> None:
    scores = np.full((200, N_FIELDS), 0.001)
    data = calibrating(scores, np.zeros((200, N_FIELDS)))
    for chosen_on in (None, "sha256:1"):
        model, entries = certify(data, TAXONOMY, MODEL, 0.95, chosen_on)
        assert {e.status for e in entries} == {"no_certificate"}
        assert {e.needed for e in entries} == {59}
        assert model.cutoffs == MODEL.cutoffs
        assert model.cutoff_rule == MODEL.cutoff_rule
    bought = budget(data, data, TAXONOMY, MODEL, 20)
    assert (bought.found, bought.positives, bought.interval) == (0, 0, (0.0, 1.0))


def test_labels_languages_and_the_whole_are_counted_apart() -> None:
    scores = np.full((100, N_FIELDS), 0.001)
    strengths = np.zeros((100, N_FIELDS))
    strengths[:70, 2] = 2
    scores[:69, 2] = 0.9
    strengths[70, 4] = 1  # arguable: no positive
    data = calibrating(scores, strengths)
    _, entries = certify(data, TAXONOMY, MODEL, 0.95, None)
    by_key = {(e.label, e.language): e for e in entries}
    overall = by_key[OVERALL, "all"]
    assert (overall.positives, overall.misses) == (70, 1)
    assert overall.lower_bound == pytest.approx(lower_bound(69, 70, 0.95), abs=1e-6)
    assert by_key["jp-secret-patent-25:03", "en"].threshold == 0.05
    assert by_key["jp-secret-patent-25:03", "ja"].positives == 0
    assert by_key["jp-secret-patent-25:05", "en"].positives == 0
    assert len(entries) == 3 + 2 * N_FIELDS


def test_chosen_cutoffs_are_of_the_grid_and_reach_the_target() -> None:
    rng = np.random.default_rng(7)
    scores = np.full((400, N_FIELDS), 0.0005)
    strengths = np.zeros((400, N_FIELDS))
    strengths[:200, 3] = 2
    scores[:200, 3] = rng.beta(2.0, 1.0, 200)
    data = calibrating(scores, strengths)
    model, entries = certify(data, TAXONOMY, MODEL, 0.90, "sha256:1")
    assert model.cutoffs["en"]["04"] in GRID
    assert model.cutoffs["ja"] == MODEL.cutoffs["ja"]
    assert model.cutoff_rule == (
        "fixed-sequence testing for a recall of 0.9 on sha256:1; for ja: a rule"
    )
    assert next(e for e in entries if (e.label, e.language) == (OVERALL, "en")).lower_bound >= 0.90


def test_a_budget_reads_the_best_first() -> None:
    scores = np.full((50, N_FIELDS), 0.001)
    strengths = np.zeros((50, N_FIELDS))
    strengths[[10, 20, 30], 0] = 2
    scores[[10, 20], 0] = 0.8
    data = calibrating(scores, strengths)
    bought = budget(data, data, TAXONOMY, MODEL, 2)
    assert (bought.found, bought.positives) == (2, 3)
    low, high = bought.interval
    assert low < 2 / 3 < high
    with pytest.raises(InputError, match="budget"):
        budget(data, data, TAXONOMY, MODEL, 51)


def positives(n: int, missed: Sequence[int] = ()) -> tuple[np.ndarray, np.ndarray]:
    scores, strengths = np.full((n, N_FIELDS), 0.001), np.zeros((n, N_FIELDS))
    scores[:, 2], strengths[:, 2] = 0.9, 2
    scores[list(missed), 2] = 0.001
    return scores, strengths


def overall(data: Calibrating) -> CertificateEntry:
    _, entries = certify(data, TAXONOMY, MODEL, 0.95, None)
    return next(e for e in entries if (e.label, e.language) == (OVERALL, "all"))


def test_one_language_does_not_certify_the_other() -> None:
    found = overall(calibrating(*positives(200)))
    assert (found.positives, found.misses) == (200, 0)
    assert (found.status, found.needed) == ("no_certificate", 59)


def test_a_text_and_its_translation_are_one_trial() -> None:
    found = overall(calibrating(*positives(200), pairs=True))
    assert (found.positives, found.misses, found.status) == (100, 0, "certified")
    assert found.lower_bound == pytest.approx(lower_bound(100, 100, 0.95), abs=1e-6)
    one_half_missed = overall(calibrating(*positives(200, missed=[7]), pairs=True))
    assert (one_half_missed.positives, one_half_missed.misses) == (100, 1)


def test_texts_count_in_the_language_that_screening_reads_them_in(tiny_bundle: Path) -> None:
    english = "A missile seeker with a gimballed infrared sensor and a guidance computer."
    texts = [
        GoldText("a", None, english, {}),
        GoldText("b", None, english, {}, language="ja"),
        GoldText("c", None, "誘導装置を備えた飛しょう体。", {}, pair_of="a"),
    ]
    with Classifier.load(tiny_bundle) as classifier:
        data = measure(classifier, texts)
    assert data.language_rows.tolist() == [0, 1, 1]
    assert data.groups.tolist() == [0, 1, 0]
    assert data.n_out_of_distribution == 0
