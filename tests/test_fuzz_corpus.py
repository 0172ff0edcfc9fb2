"""Every input that fuzzing found, and the seeds it starts from, against what must hold of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "fuzz_corpus"
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_kept_input_breaks_nothing(path: Path) -> None:
    import_module(f"fuzz_{path.parent.name}").one_input(path.read_bytes())


def test_every_target_has_inputs() -> None:
    assert {path.parent.name for path in INPUTS} == {"bundle", "ipc", "ndjson", "text"}
