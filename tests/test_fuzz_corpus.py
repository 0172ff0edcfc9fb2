"""Every input that fuzzing found, and the seeds it starts from, against what must hold of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from critech.bundle import read_bundle
from critech.cascade.words import Words
from critech.scorer import Scorer

CORPUS = Path(__file__).parent / "fuzz_corpus"
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_kept_input_breaks_nothing(path: Path) -> None:
    import_module(f"fuzz_{path.parent.name}").one_input(path.read_bytes())


def test_every_target_has_inputs() -> None:
    assert {path.parent.name for path in INPUTS} == {"bundle", "ipc", "ndjson", "text"}


def test_the_bundle_that_is_changed_is_a_sound_one(tmp_path: Path) -> None:
    """Else every input would be refused for what is wrong with it already."""
    import_module("tiny_bundle").write_tiny_bundle(tmp_path / "tiny")
    bundle = read_bundle(tmp_path / "tiny")
    assert len(bundle.thresholds.companions[0].columns) == len(bundle.labels)
    scorer = Scorer(bundle)
    assert scorer.score("a pump", "en").scores.shape == (len(bundle.labels),)
    reading = Words(scorer).read("a " * 24)
    assert reading is not None
    assert reading.tier == "student"
