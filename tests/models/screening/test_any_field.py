"""The head for all fields together, and the review that it alone can ask for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_edits import remove_file, replace_file, variant
from critech import Classifier
from critech.bundle import Bundle, read_bundle
from critech.bundle.manifest import ANY_FIELD
from critech.errors import BundleError
from critech.screening.any_field import AnyField, at_least_one
from critech.screening.filing import Filing
from critech.screening.screen import Screener

KETTLE = "A kettle has a lid that locks while water boils, a spout and a handle that stays cool."
SUBMARINE = (
    "A manned submarine has a pressure hull of titanium alloy and ballast tanks; a trim pump "
    "shifts water between them while the submarine hovers submerged at great depth."
)
HEAD = AnyField(
    dense=np.array([1.0, -2.0], dtype=np.float32),
    lexical=np.array([0.5, 0.0, 3.0], dtype=np.float32),
    intercept=-1.5,
    offset=0.25,
    fields=0.75,
    margin=0.5,
    cutoffs={"en": 0.06, "ja": 0.07},
    cutoff_rule="a rule",
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle()


def test_at_least_one_is_the_complement_of_none() -> None:
    scores = np.array([[0.5, 0.5, 0.0], [0.1, 0.0, 0.0]], dtype=np.float32)
    assert at_least_one(scores) == pytest.approx([math.log(3.0), math.log(0.1 / 0.9)], abs=1e-6)
    assert np.isfinite(at_least_one(np.array([[1.0, 0.2], [0.0, 0.0]], dtype=np.float32))).all()


def test_the_joint_probability_is_logistic() -> None:
    scores = np.array([0.5, 0.5], dtype=np.float32)
    logit = 0.25 + 0.75 * math.log(3.0) + 0.5 * -2.0
    assert HEAD.probability(scores, -2.0) == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-7)


def test_it_travels_as_plain_arrays() -> None:
    read = AnyField.from_bytes(HEAD.to_bytes(), 2, 3)
    for name in ("dense", "lexical"):
        assert np.array_equal(getattr(read, name), getattr(HEAD, name))
    rest = {"dense": HEAD.dense, "lexical": HEAD.lexical}
    assert dataclasses.replace(read, **rest) == dataclasses.replace(HEAD, **rest)


@pytest.mark.parametrize("sizes", [(3, 3), (2, 4)])
def test_another_shape_is_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="another shape"):
        AnyField.from_bytes(HEAD.to_bytes(), *sizes)


def test_a_bundle_with_a_head_of_another_size_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    other = variant(tiny_bundle, tmp_path / "other", "1")
    replace_file(other, ANY_FIELD, HEAD.to_bytes())
    with pytest.raises(BundleError, match="ValueError: the head has another shape"):
        read_bundle(other)
    remove_file(other, ANY_FIELD)
    assert read_bundle(other).any_field is None


@contextmanager
def with_cutoffs(bundle: Bundle, cutoff: float) -> Iterator[Screener]:
    assert bundle.any_field is not None
    cutoffs = {"en": cutoff, "ja": cutoff}
    other = dataclasses.replace(bundle.any_field, cutoffs=cutoffs)
    with Classifier(dataclasses.replace(bundle, any_field=other), 1) as classifier:
        yield Screener(classifier)


def screened(screener: Screener, text: str) -> dict[str, Any]:
    filing = Filing(title="A device", abstract=text)
    result: dict[str, Any] = screener.screen([filing], explain=False).as_dict()["results"][0]
    return result


def test_a_text_near_the_fields_is_reviewed_and_the_nearest_named(bundle: Bundle) -> None:
    with with_cutoffs(bundle, 0.0) as screener:
        found = screened(screener, KETTLE)
    assert found["verdict"] == "review"
    (reason,) = found["reasons"]
    assert reason["code"] == "near_the_fields"
    assert reason["field"] in {label.code for label in screener_fields(bundle)}
    assert found["fields"] == []


def screener_fields(bundle: Bundle) -> tuple[Any, ...]:
    return next(t for t in bundle.taxonomies if t.id == "jp-secret-patent-25").labels


def test_a_text_below_the_cutoff_is_not(bundle: Bundle) -> None:
    with with_cutoffs(bundle, 1.1) as screener:
        assert screened(screener, KETTLE)["verdict"] == "no_indication"


def test_where_a_field_speaks_the_joint_score_adds_nothing(bundle: Bundle) -> None:
    found = []
    for cutoff in (0.0, 1.1):
        with with_cutoffs(bundle, cutoff) as screener:
            found.append(screened(screener, SUBMARINE))
    assert found[0] == found[1]
    assert "12" in {one["code"] for one in found[0]["fields"]}


def test_a_bundle_without_the_head_screens_as_before(bundle: Bundle) -> None:
    with Classifier(dataclasses.replace(bundle, any_field=None), 1) as classifier:
        assert screened(Screener(classifier), KETTLE)["verdict"] == "no_indication"
