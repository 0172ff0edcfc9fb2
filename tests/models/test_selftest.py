"""The self-test passes a sane bundle and fails one that is broken behind good checksums."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest

from critech import Classifier
from critech.decision import Thresholds
from critech.selftest import GoldenText, golden_texts, self_test
from critech.text import detect_language


class _Heads:
    """Heads whose margins come out changed."""

    def __init__(self, heads: Any, change: Any) -> None:
        self.heads, self.change, self.vocabulary = heads, change, heads.vocabulary

    def margins(self, *args: Any) -> Any:
        return self.change(self.heads.margins(*args))


def altered(classifier: Classifier, **parts: Any) -> Classifier:
    """Return the classifier over a bundle with other parts, sharing encoder and threads."""
    other = copy.copy(classifier)
    other.bundle = dataclasses.replace(classifier.bundle, **parts)
    other.scorer = copy.copy(classifier.scorer)
    other.scorer.bundle = other.bundle
    return other


def with_margins(classifier: Classifier, change: Any) -> Classifier:
    return altered(classifier, heads=_Heads(classifier.bundle.heads, change))


def test_the_shipped_bundle_passes(classifier: Classifier) -> None:
    found = self_test(classifier)
    assert found.failures == ()
    assert found.passed
    assert found.n_texts == len(golden_texts())
    assert found.n_checks == sum(len(t.labels) + len(t.unassigned) for t in golden_texts())


def test_golden_texts_are_in_both_languages_and_name_labels_that_exist(
    classifier: Classifier,
) -> None:
    texts = golden_texts()
    assert {text.language for text in texts} == {"en", "ja"}
    for text in texts:
        assert detect_language(text.text) == text.language
        assert text.labels or text.unassigned
        assert set(text.labels) <= set(classifier.bundle.labels)
        assert set(text.unassigned) <= set(classifier.taxonomies)


def test_heads_in_another_label_order_fail(classifier: Classifier) -> None:
    found = self_test(with_margins(classifier, lambda margins: np.roll(margins, 1)))
    assert not found.passed
    assert any("is not among the first 3" in failure for failure in found.failures)


def test_scores_that_are_no_numbers_fail(classifier: Classifier) -> None:
    found = self_test(with_margins(classifier, lambda margins: margins * np.nan))
    assert all("is missing or outside 0..1" in failure for failure in found.failures)
    assert len(found.failures) >= found.n_texts


@pytest.mark.parametrize(
    ("cut", "failure"), [(0.0, "assigned, expected nothing"), (2.0, "is not_assigned, expected")]
)
def test_thresholds_gone_astray_fail(classifier: Classifier, cut: float, failure: str) -> None:
    everywhere = np.full_like(classifier.bundle.thresholds.assigned, cut)
    found = self_test(altered(classifier, thresholds=Thresholds(everywhere, everywhere)))
    assert any(failure in line for line in found.failures)


def test_noise_is_not_the_same_twice(classifier: Classifier) -> None:
    noise = np.random.default_rng(0)
    found = self_test(
        with_margins(classifier, lambda margins: margins + noise.normal(0, 0.01, margins.shape))
    )
    assert any("other scores at another place" in failure for failure in found.failures)


def test_a_classifier_that_raises_fails_without_its_message(classifier: Classifier) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("canary")

    found = self_test(with_margins(classifier, fail))
    assert found.failures == ("classifying raised RuntimeError",)
    assert not found.passed


def test_a_wrong_language_fails(classifier: Classifier) -> None:
    text = GoldenText("x", "ja", "A kitchen drawer.", unassigned=("jp-secret-patent-25",))
    assert self_test(classifier, [text]).failures == ("x: language en, expected ja",)


def test_what_a_bundle_does_not_hold_is_passed_over_and_nothing_is_no_pass(
    classifier: Classifier,
) -> None:
    text = GoldenText("x", "en", "A kitchen drawer.", ("my-list:01",), ("my-list",))
    found = self_test(classifier, [text])
    assert (found.n_checks, found.failures) == (0, ())
    assert not found.passed
    assert not self_test(classifier, []).passed
