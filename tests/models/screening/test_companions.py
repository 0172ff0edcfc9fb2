"""Fields that are possible beside another: in what a text is classified as, not in screening."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from critech import Classifier
from critech.bundle import Bundle, read_bundle
from critech.classifier import Options
from critech.decision import Companions
from critech.screening.filing import Filing
from critech.screening.screen import Screener

SUBMARINE = (
    "A manned submarine has a pressure hull of titanium alloy and ballast tanks; a trim pump "
    "shifts water between them while the submarine hovers submerged at great depth."
)
FIELDS = "jp-secret-patent-25"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle()


def _with(bundle: Bundle, companions: Sequence[Companions]) -> Bundle:
    thresholds = dataclasses.replace(bundle.thresholds, companions=tuple(companions))
    return dataclasses.replace(bundle, thresholds=thresholds)


def _found(bundle: Bundle) -> tuple[set[str], dict[str, Any]]:
    """Return the fields that the text is classified in, and its screening."""
    with Classifier(bundle, 1) as classifier:
        (result,) = classifier.classify(
            [SUBMARINE], Options(taxonomies=(FIELDS,), top_k=None)
        ).results
        (labels,) = (one.labels for one in result.taxonomies)
        screened = Screener(classifier).screen(
            [Filing(title="A device", abstract=SUBMARINE)], explain=False
        )
    decided = {label.code for label in labels if label.decision != "not_assigned"}
    return decided, screened.as_dict()["results"][0]


def test_screening_weighs_each_field_for_itself(bundle: Bundle) -> None:
    columns = np.flatnonzero([label.startswith(f"{FIELDS}:") for label in bundle.labels])
    everything = Companions(columns, np.full(2, 1e-9, dtype=np.float32), columns)
    alone, screened = _found(_with(bundle, ()))
    beside, screened_beside = _found(_with(bundle, [everything]))
    assert alone < beside
    assert len(beside) == 25
    assert screened == screened_beside


def test_the_default_bundle_has_companions_in_the_narrow_lists(bundle: Bundle) -> None:
    found = {
        bundle.labels[one.columns[0]].partition(":")[0] for one in bundle.thresholds.companions
    }
    assert found == {FIELDS, "jp-kprogram-50"}
    assert all(0.01 < share < 0.2 for one in bundle.thresholds.companions for share in one.share)
