"""Lists in which all labels together decide which texts have some label ``possible``."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from bundle_edits import remove_file, replace_file, variant
from critech import Classifier
from critech.bundle import Bundle, read_bundle
from critech.bundle.manifest import ANY_FIELD, ANY_TECHNOLOGY
from critech.classifier import Options
from critech.errors import BundleError
from critech.joint import joint_lists
from critech.screening.any_field import AnyField
from critech.screening.filing import Filing
from critech.screening.screen import Screener

FIELDS, K_PROGRAM = "jp-secret-patent-25", "jp-kprogram-50"
KETTLE = "A kettle has a lid that locks while water boils, a spout and a handle that stays cool."
SUBMARINE = (
    "A manned submarine has a pressure hull of titanium alloy and ballast tanks; a trim pump "
    "shifts water between them while the submarine hovers submerged at great depth."
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle()


def _flagging(bundle: Bundle, flag: float | None) -> Bundle:
    """The bundle with another flag for the 25 fields."""
    assert bundle.any_field is not None
    flags = None if flag is None else {"en": flag, "ja": flag}
    return dataclasses.replace(bundle, any_field=dataclasses.replace(bundle.any_field, flags=flags))


def _decided(bundle: Bundle, text: str, taxonomy: str = FIELDS) -> list[str]:
    """The decisions of a list, those of the highest scores first."""
    with Classifier(bundle, 1) as classifier:
        options = Options(taxonomies=(taxonomy,), top_k=None)
        (result,) = classifier.classify([text], options).results
    (found,) = result.taxonomies
    return [label.decision for label in found.labels]


def test_the_default_bundle_decides_so_in_the_narrow_lists(bundle: Bundle) -> None:
    found = [one for one in joint_lists(bundle) if one is not None]
    names = [{bundle.labels[i].partition(":")[0] for i in one.columns} for one in found]
    assert sorted(names, key=min) == [{K_PROGRAM}, {FIELDS}]
    assert sorted(len(one.columns) for one in found) == [25, 50]


def test_a_text_that_is_flagged_has_its_best_labels_whatever_their_scores(bundle: Bundle) -> None:
    assert set(_decided(bundle, KETTLE)) == {"not_assigned"}
    found = _decided(_flagging(bundle, 0.0), KETTLE)
    assert found[0] == "possible"
    assert found == sorted(found, key=["possible", "not_assigned"].index)


def test_without_flags_single_scores_decide(bundle: Bundle) -> None:
    least = dataclasses.replace(
        bundle.thresholds, possible=np.full_like(bundle.thresholds.possible, 1e-9)
    )
    assert "possible" in _decided(
        dataclasses.replace(_flagging(bundle, None), thresholds=least), KETTLE
    )
    assert "possible" not in _decided(
        dataclasses.replace(_flagging(bundle, 1.0), thresholds=least), KETTLE
    )


def test_the_other_lists_are_as_they_were(bundle: Bundle) -> None:
    for taxonomy in ("jp-critical-20", K_PROGRAM):
        own = [_decided(_flagging(bundle, flag), SUBMARINE, taxonomy) for flag in (0.0, 1.0)]
        assert own[0] == own[1]


def test_the_excess_is_zero_at_the_flag(bundle: Bundle) -> None:
    one = next(one for one in joint_lists(bundle) if one is not None and len(one.columns) == 25)
    scores = np.full(len(bundle.labels), 0.01, dtype=np.float32)
    for row, language in enumerate(("en", "ja")):
        flag = (one.any_field.flags or {})[language]
        probability = one.any_field.probability(scores[one.columns], 0.5)
        expected = math.log(probability / (1 - probability)) - math.log(flag / (1 - flag))
        assert one.excess(scores, 0.5, row) == pytest.approx(expected, abs=1e-6)


def _heads(bundle: Bundle) -> dict[str, AnyField]:
    assert bundle.any_field is not None
    assert bundle.any_technology is not None
    return {ANY_FIELD: bundle.any_field, ANY_TECHNOLOGY: bundle.any_technology}


@pytest.mark.parametrize("name", [ANY_FIELD, ANY_TECHNOLOGY])
def test_decisions_are_part_of_the_model_digest(
    name: str, tiny_bundle: Path, tmp_path: Path
) -> None:
    other = variant(tiny_bundle, tmp_path / "other", "1")
    before = read_bundle(other)
    moved = dataclasses.replace(_heads(before)[name], flags={"en": 0.25, "ja": 0.5})
    replace_file(other, name, moved.to_bytes())
    flagged = read_bundle(other)
    assert _heads(flagged)[name].flags == {"en": 0.25, "ja": 0.5}
    assert flagged.model_digest != before.model_digest
    replace_file(other, name, dataclasses.replace(moved, flags=None).to_bytes())
    without = read_bundle(other)
    remove_file(other, name)
    assert read_bundle(other).model_digest == without.model_digest


def test_the_head_of_the_fields_without_cut_offs_is_refused(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """Screening would else pass over what is near the fields, and say nothing."""
    other = variant(tiny_bundle, tmp_path / "other", "1")
    head = _heads(read_bundle(other))[ANY_FIELD]
    replace_file(other, ANY_FIELD, dataclasses.replace(head, cutoffs={}).to_bytes())
    with pytest.raises(BundleError, match="lacks cut-offs"):
        read_bundle(other)


def test_what_is_flagged_is_reviewed(bundle: Bundle) -> None:
    """Though the flag is below the cut-off that screening has for what is near the fields."""
    flagging = _flagging(bundle, 1e-9)
    assert flagging.any_field is not None
    assert flagging.any_field.cutoffs["en"] > 0.01
    with Classifier(flagging, 1) as classifier:
        (result,) = classifier.classify([KETTLE], Options(taxonomies=(FIELDS,))).results
        screened = Screener(classifier).screen(
            [Filing(title="A kettle", abstract=KETTLE)], explain=False
        )
    assert result.taxonomies[0].labels[0].decision == "possible"
    (found,) = screened.as_dict()["results"]
    assert found["verdict"] == "review"
    assert [reason["code"] for reason in found["reasons"]] == ["near_the_fields"]


@pytest.mark.parametrize("name", [ANY_FIELD, ANY_TECHNOLOGY])
def test_a_flag_that_is_no_probability_is_refused(
    name: str, tiny_bundle: Path, tmp_path: Path
) -> None:
    other = variant(tiny_bundle, tmp_path / "other", "1")
    wrong = dataclasses.replace(_heads(read_bundle(other))[name], flags={"en": 1.5, "ja": 0.5})
    replace_file(other, name, wrong.to_bytes())
    with pytest.raises(BundleError, match="no probability"):
        read_bundle(other)
