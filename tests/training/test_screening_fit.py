"""Fusion and cut-offs: fitted on filings made of held-out texts."""

from __future__ import annotations

import random

import numpy as np
import pytest

from critech.bundle import read_bundle
from critech.heads import Heads
from critech.lexical import LexicalVocabulary
from critech.screening.any_field import at_least_one
from critech_labels import load_taxonomy, match_fields
from critech_training.corpus import POSITIVE, Record
from critech_training.metrics import average_precision
from critech_training.screening_fit import (
    ORDINARY_SYMBOLS,
    CutoffConfig,
    FusionConfig,
    ScreeningConfig,
    _fit_offsets,
    any_field_strengths,
    draw_symbols,
    fit_any_field,
    fit_fusion,
    fit_screening,
)

TAXONOMY = load_taxonomy("jp-secret-patent-25")
N_FIELDS = len(TAXONOMY.labels)


@pytest.mark.parametrize("label", TAXONOMY.labels, ids=lambda label: label.code)
def test_drawn_symbols_meet_their_field(label) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(1)
    for _ in range(20):
        found = {f.code: f.match for f in match_fields(draw_symbols(label, rng, 0.0)).fields}
        assert found[label.code] == "exact"
    below = [
        {f.code: f.match for f in match_fields(draw_symbols(label, rng, 1.0)).fields}
        for _ in range(20)
    ]
    listed_with_stroke = all(
        "/" in symbol for rule in label.ipc_rules for part in rule.all_of for symbol in part
    )
    if listed_with_stroke:
        assert "subgroup" in {found.get(label.code) for found in below}


def test_ordinary_symbols_meet_no_field() -> None:
    assert match_fields(ORDINARY_SYMBOLS).fields == ()


def made(n: int = 400) -> tuple[list[Record], np.ndarray, np.ndarray]:
    """Texts of which every fourth is in a field, with scores that tell it fairly well."""
    rng = np.random.default_rng(0)
    scores = rng.beta(1.0, 30.0, (n, N_FIELDS)).astype(np.float32)
    strengths = np.zeros((n, N_FIELDS), dtype=np.int8)
    records = []
    for i in range(n):
        labels = {}
        if i % 4 == 0:
            field = TAXONOMY.labels[i // 4 % N_FIELDS]
            labels[field.id] = 2
            strengths[i, i // 4 % N_FIELDS] = 2
            scores[i, i // 4 % N_FIELDS] = rng.beta(4.0, 2.0)
        language, kind = "ja" if i % 3 == 0 else "en", "pos" if labels else "plain"
        records.append(Record(f"t-{i}", language, "abstract", kind, None, "A text.", labels))
    return records, scores, strengths


def test_a_rule_lifts_and_its_absence_lowers() -> None:
    fusion = fit_fusion(*made(), TAXONOMY, FusionConfig())
    assert fusion is not None
    assert fusion.offsets["exact"] > fusion.offsets["subgroup"] > fusion.offsets["none"]
    assert fusion.fuse(0.1, "exact") > 0.1 > fusion.fuse(0.1, "none")
    assert fusion.fitted_on["positive_pairs"] == 400
    assert fusion == fit_fusion(*made(), TAXONOMY, FusionConfig())


def test_a_subgroup_never_lifts_more_than_an_exact_match() -> None:
    logits = np.zeros(300)
    kinds = np.repeat([0, 1, 2], 100)
    # drawn so that the sub-groups look best: 60 %, 90 % and 10 % right
    y = np.concatenate([np.arange(100) < 60, np.arange(100) < 90, np.arange(100) < 10])
    exact, subgroup, none = _fit_offsets(logits, kinds, y, np.ones(300), FusionConfig())
    assert exact == pytest.approx(subgroup)
    assert subgroup > none
    y[100:200] = np.arange(100) < 30
    exact, subgroup, none = _fit_offsets(logits, kinds, y, np.ones(300), FusionConfig())
    assert exact > subgroup > none


def test_without_positives_there_is_no_fusion() -> None:
    records, scores, strengths = made()
    assert fit_fusion(records, scores, strengths * 0, TAXONOMY, FusionConfig()) is None


def test_cutoffs_keep_the_stated_recall_and_the_floor() -> None:
    records, scores, strengths = made()
    config = ScreeningConfig(cutoffs=CutoffConfig(recall=0.9, lowest=0.01))
    model = fit_screening(records, scores, strengths, TAXONOMY, config)
    for language in ("en", "ja"):
        rows = [i for i, record in enumerate(records) if record.language == language]
        positive = scores[rows][strengths[rows] == 2]
        (cutoff,) = set(model.cutoffs[language].values())
        assert 0.9 <= (positive >= cutoff).mean() < 0.95
    lowest = ScreeningConfig(cutoffs=CutoffConfig(recall=0.9, lowest=0.9))
    found = fit_screening(records, scores, strengths, TAXONOMY, lowest)
    assert set(found.cutoffs["en"].values()) == {0.9}


def test_cutoffs_leave_most_plain_texts_alone() -> None:
    records, scores, strengths = made()
    scores[0] = 1e-4  # one positive that no cut-off can reach without all plain texts
    strengths[0] = POSITIVE
    cutoffs = CutoffConfig(recall=1.0, plain_share=0.05, lowest=1e-5)
    model = fit_screening(records, scores, strengths, TAXONOMY, ScreeningConfig(cutoffs=cutoffs))
    plain = [i for i, r in enumerate(records) if r.kind == "plain" and r.language == "ja"]
    (cutoff,) = set(model.cutoffs["ja"].values())
    assert (scores[plain].max(axis=1) >= cutoff).sum() == int(len(plain) * 0.05) == 5
    (cutoff,) = set(model.cutoffs["en"].values())
    positive = scores[[r.language == "en" for r in records]][
        strengths[[r.language == "en" for r in records]] == POSITIVE
    ]
    assert cutoff == pytest.approx(positive.min(), abs=1e-6)


def test_a_trained_bundle_holds_examples_and_screening(tiny_bundle) -> None:  # type: ignore[no-untyped-def]
    bundle = read_bundle(tiny_bundle)
    assert bundle.examples is not None
    assert bundle.screening is not None
    assert len(bundle.examples.examples) > 50
    assert set(bundle.screening.cutoffs) == {"en", "ja"}
    assert bundle.screening.certificate is None
    assert bundle.manifest["training"]["config"]["screening"]["fusion"]["wrong_share"] == 0.15


def test_a_text_is_in_any_field_when_it_is_in_one() -> None:
    found = any_field_strengths(np.array([[0, 2, 1], [0, 1, 0], [0, 0, 0]], dtype=np.int8))
    assert found.tolist() == [[2], [1], [0]]


def one_head() -> Heads:
    vocabulary = LexicalVocabulary(np.array([7], dtype=np.uint64), np.ones(1, dtype=np.float32))
    one = np.ones((1, 1), dtype=np.float32)
    return Heads(np.zeros(1, dtype=np.float32), 8.0, one, one, one[0], vocabulary)


def test_the_joint_score_ranks_better_than_its_parts_and_keeps_the_stated_recall() -> None:
    records, scores, strengths = made(2_000)
    y = any_field_strengths(strengths)[:, 0] == 2
    rng = np.random.default_rng(1)
    margins = (np.where(y, 1.0, -1.0) + rng.normal(0.0, 1.0, len(y))).astype(np.float32)
    rules = {"cutoffs": CutoffConfig(recall=0.9), "flags": CutoffConfig(recall=0.8)}
    found = fit_any_field(one_head(), margins, records, scores, strengths, base_rate=0.1, **rules)
    assert found is not None
    assert found.fields > 0
    assert found.margin > 0
    joint = np.array([found.probability(s, float(m)) for s, m in zip(scores, margins, strict=True)])
    assert average_precision(joint, y) > average_precision(at_least_one(scores), y)
    assert average_precision(joint, y) > average_precision(margins, y)
    plain = np.array([record.kind == "plain" for record in records])
    assert found.flags is not None
    for language in ("en", "ja"):
        rows = np.array([record.language == language for record in records])
        for cutoff, recall in ((found.cutoffs[language], 0.9), (found.flags[language], 0.8)):
            assert (joint[rows & plain] >= cutoff).mean() <= 0.05
            kept = (joint[rows & y] >= cutoff).mean()
            assert kept <= recall + 0.05 or cutoff == 0.5
            assert kept >= recall or (joint[rows & plain] >= cutoff).mean() > 0.04


def test_a_list_that_is_not_screened_has_flags_alone() -> None:
    records, scores, strengths = made()
    margins = np.linspace(-1, 1, len(records), dtype=np.float32)
    given = (one_head(), margins, records, scores, strengths)
    found = fit_any_field(*given, base_rate=0.1, flags=CutoffConfig())
    assert found is not None
    assert (found.cutoffs, found.cutoff_rule) == ({}, "")
    assert set(found.flags or {}) == {"en", "ja"}
    without = fit_any_field(*given, base_rate=0.1)
    assert without is not None
    assert without.flags is None


def test_a_flag_is_never_above_even_odds() -> None:
    """Texts that are told apart without an error would put it near 1."""
    records, scores, strengths = made()
    y = any_field_strengths(strengths)[:, 0] == 2
    margins = np.where(y, 9.0, -9.0).astype(np.float32)
    found = fit_any_field(
        one_head(), margins, records, scores, strengths, base_rate=0.1, flags=CutoffConfig()
    )
    assert found is not None
    assert found.flags == {"en": 0.5, "ja": 0.5}


def test_a_language_without_positives_takes_the_flag_of_the_other() -> None:
    records, scores, strengths = made(2_000)
    japanese = np.array([record.language == "ja" for record in records])
    strengths[japanese] = 0
    y = any_field_strengths(strengths)[:, 0] == 2
    rng = np.random.default_rng(1)
    margins = (np.where(y, 1.0, -1.0) + rng.normal(0.0, 1.0, len(y))).astype(np.float32)
    found = fit_any_field(
        one_head(), margins, records, scores, strengths, base_rate=0.1, flags=CutoffConfig()
    )
    assert found is not None
    assert found.flags is not None
    assert found.flags["ja"] == found.flags["en"] > 0.01


def test_texts_of_one_kind_give_no_joint_score() -> None:
    records, scores, strengths = made()
    margins = np.zeros(len(records), dtype=np.float32)
    given = (one_head(), margins, records, scores, strengths * 0)
    assert fit_any_field(*given, base_rate=0.1, cutoffs=CutoffConfig()) is None
