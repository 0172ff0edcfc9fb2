"""What a new bundle's metrics hold of the reliability diagram."""

from __future__ import annotations

import json

import numpy as np

from critech_training.bundle_fit import held_out_metrics
from critech_training.corpus import ARGUABLE, POSITIVE
from critech_training.metrics import Slice


def test_the_bins_are_kept_without_arguable_pairs() -> None:
    scores = np.array([[0.95, 0.02], [0.91, 0.04], [0.97, 0.06]])
    strengths = np.array([[POSITIVE, 0], [0, POSITIVE], [ARGUABLE, 0]], dtype=np.int8)
    data = Slice(scores, strengths, scores > 0.5, scores > 0.03)
    found = held_out_metrics({"list": data}, ["en", "ja", "en"])
    assert found["reliability"] == {
        "list": [
            {"n_pairs": 3, "mean_score": 0.04, "frequency": 0.3333},
            {"n_pairs": 2, "mean_score": 0.93, "frequency": 0.5},
        ]
    }
    json.dumps(found, allow_nan=False)
