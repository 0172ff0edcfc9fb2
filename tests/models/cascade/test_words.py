"""What words alone say, held against the heads of the default bundle."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from critech import Classifier
from critech.cascade.words import Words, label_columns
from critech.decision import decide_all
from critech.heads import LANGUAGE_ROW, sigmoid
from critech.joint import joint_lists
from critech.scorer import Scorer
from critech.text import Language
from critech_labels.taxonomy import parent_positions

ENGINE = (
    "An airbreathing scramjet engine has an isolator duct and a combustor with injectors, in which "
    "fuel burns in a supersonic flow of air behind the inlet of the vehicle."
)
HINGE = "A drawer hinge for kitchen furniture has a damper that slows the door down, and a spring."
KEYS = (
    "光ファイバを介して秘密鍵を共有する量子鍵配送装置であって、単一光子を検出する受信器を備える。"
)
TEXTS: list[tuple[str, Language]] = [(ENGINE, "en"), (HINGE, "en"), (KEYS, "ja")]


@pytest.fixture(scope="module")
def words(classifier: Classifier) -> Words:
    return Words(classifier.scorer)


def with_bundle(classifier: Classifier, **changes: object) -> Scorer:
    """The scorer of the default bundle with other parts."""
    scorer = object.__new__(Scorer)
    scorer.__dict__.update(vars(classifier.scorer))
    scorer.bundle = dataclasses.replace(classifier.bundle, **changes)  # type: ignore[arg-type]
    return scorer


@pytest.mark.parametrize(("text", "language"), TEXTS)
def test_word_margins_are_those_of_a_zero_dense_part(
    classifier: Classifier, text: str, language: Language
) -> None:
    heads, embedding = classifier.bundle.heads, classifier.scorer.encoder.embed(text)
    blank = dataclasses.replace(heads, dense=np.zeros_like(heads.dense))
    found = heads.word_margins(embedding.token_ids)
    assert np.array_equal(found, blank.margins(embedding.vector, embedding.token_ids))
    assert not np.array_equal(found, heads.margins(embedding.vector, embedding.token_ids))


@pytest.mark.parametrize(("text", "language"), TEXTS)
def test_the_excess_is_that_of_the_best_label_over_its_threshold(
    classifier: Classifier, words: Words, text: str, language: Language
) -> None:
    bundle, ids = classifier.bundle, classifier.scorer.encoder.token_ids(text)
    row = LANGUAGE_ROW[language]
    scores = bundle.calibration.scores(bundle.heads.word_margins(ids), language).astype(np.float64)
    least = bundle.thresholds.possible[row].astype(np.float64)
    most = bundle.thresholds.assigned[row].astype(np.float64)
    logits = np.log(scores / (1 - scores))
    above, sure = (logits - np.log(cut / (1 - cut)) for cut in (least, most))
    expected = []
    for one in bundle.taxonomies:
        own = [i for i, label in enumerate(bundle.labels) if label.startswith(f"{one.id}:")]
        together = bundle.joint.get(one.id)
        if together is None:
            expected.append(max(above[own]))
            continue
        assert together.flags is not None
        margin = float(together.head(bundle.heads).word_margins(ids)[0])
        joint, flag = together.probability(scores[own], margin), together.flags[language]
        flagged = math.log(joint / (1 - joint)) - math.log(flag / (1 - flag))
        expected.append(max(flagged, *sure[own]))
    reading = words.read(text)
    assert reading is not None
    assert (reading.language, reading.tokens) == (language, len(ids))
    np.testing.assert_allclose(words.excess(ids, language), expected, atol=2e-3)


def test_an_excess_of_zero_is_where_possible_begins(classifier: Classifier, words: Words) -> None:
    bundle, parents = classifier.bundle, parent_positions(classifier.bundle.taxonomies)
    assert any(one is not None for one in classifier.scorer.joint)
    for text, language in TEXTS:
        ids = classifier.scorer.encoder.token_ids(text)
        logits = bundle.calibration.logits(bundle.heads.word_margins(ids), language)
        scores, row = sigmoid(logits), LANGUAGE_ROW[language]
        flags = [
            None
            if one is None
            else one.excess(scores, float(one.head.word_margins(ids)[0]), row) >= 0
            for one in classifier.scorer.joint
        ]
        decided = decide_all(scores, bundle.thresholds, row, parents, flags)
        any_ = [any(decided[i] != "not_assigned" for i in own) for own in label_columns(bundle)]
        assert (words.excess(ids, language) >= 0).tolist() == any_


def test_what_is_assigned_by_its_words_is_something_though_no_text_is_flagged(
    classifier: Classifier,
) -> None:
    bundle = classifier.bundle
    assert bundle.any_field is not None
    never = dataclasses.replace(bundle.any_field, flags={"en": 1.0, "ja": 1.0}, offset=-99.0)
    easy = np.full_like(bundle.thresholds.assigned, 1e-9)
    at = [one.id for one in bundle.taxonomies].index("jp-secret-patent-25")
    for assigned, positive in ((bundle.thresholds.assigned, False), (easy, True)):
        thresholds = dataclasses.replace(bundle.thresholds, assigned=assigned)
        scorer = with_bundle(classifier, any_field=never, thresholds=thresholds)
        scorer.joint = joint_lists(scorer.bundle)
        ids = scorer.encoder.token_ids("A kettle with a lid and a spout.")
        assert bool(Words(scorer).excess(ids, "en")[at] >= 0) == positive


def test_the_bits_are_the_same_on_any_number_of_threads(words: Words) -> None:
    alone = [words.read(text) for text, _ in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: words.read(TEXTS[i % 3][0]), range(48)))
    for i, one in enumerate(together):
        expected = alone[i % 3]
        assert one is not None
        assert expected is not None
        assert one.excess.tobytes() == expected.excess.tobytes()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("простой русский текст о двигателе и о камере сгорания в потоке " * 2, None),
        (ENGINE, "ja"),
        (KEYS, "en"),
        ("A hinge with a damper.", None),
        ("word " * 100_000, None),
        ("zxqv kjhw pqzt " * 20, None),
    ],
    ids=["another script", "not Japanese", "not English", "short", "long", "unlike the corpus"],
)
def test_texts_that_words_never_decide(
    classifier: Classifier, words: Words, text: str, language: Language | None
) -> None:
    assert words.read(text, language) is None
    scored = classifier.scorer.score(text[:100_000], language)
    assert scored.warnings() != []  # which are the full model's to say


def test_a_declared_language_that_is_right_changes_nothing(words: Words) -> None:
    given, told = words.read(ENGINE), words.read(ENGINE, "en")
    assert given is not None
    assert told is not None
    assert np.array_equal(given.excess, told.excess)


def test_a_text_below_the_floor_of_coverage_is_not_read(classifier: Classifier) -> None:
    nothing, all_ = np.zeros(2, np.float32), np.full(2, 1.1, np.float32)
    assert Words(with_bundle(classifier, coverage_floor=nothing)).read(ENGINE) is not None
    assert Words(with_bundle(classifier, coverage_floor=all_)).read(ENGINE) is None


def test_thresholds_at_the_ends_leave_the_excess_finite(classifier: Classifier) -> None:
    for end in (0.0, 1.0):
        least = np.full_like(classifier.bundle.thresholds.possible, end)
        thresholds = dataclasses.replace(classifier.bundle.thresholds, possible=least)
        reading = Words(with_bundle(classifier, thresholds=thresholds)).read(ENGINE)
        assert reading is not None
        assert np.isfinite(reading.excess).all()
