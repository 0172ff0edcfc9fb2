"""The service holds to its own OpenAPI document: schemathesis, all checks, a short run.

``fuzz/openapi.py`` does the same for as long as one likes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import openapi
from critech import Classifier
from fast_service import fast_classifier

REQUESTS = 400


@pytest.fixture(scope="module")
def fast() -> Iterator[Classifier]:
    with fast_classifier(threads=2) as classifier:
        yield classifier


@pytest.mark.slow
@pytest.mark.parametrize("keys", [False, True], ids=["open", "with keys"])
def test_nothing_is_found(fast: Classifier, keys: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CRITECH_")]:
        monkeypatch.delenv(name)
    outcome = openapi.run(fast, keys, per_operation=2, seed=1)
    assert outcome.finding is None, outcome.finding
    assert outcome.requests >= REQUESTS
