"""``critech certify``: what is printed, what is written, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from critech.bundle import read_bundle
from critech.cli import main
from critech_training.corpus import default_dev_dir


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    lines = (default_dev_dir() / "patents.jsonl").read_text(encoding="utf-8").splitlines()[:60]
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_certificate_is_written_with_the_words_on_its_texts(
    gold: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    command = ["certify", "--gold", str(gold), "--bundle", str(bundle), "--write"]
    assert main(command) == 1
    assert "--population" in capsys.readouterr().err
    assert read_bundle(bundle).digest == read_bundle(tiny_bundle).digest

    words = "sixty written texts"
    assert main([*command, "--population", words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["certificate"]
    screening = read_bundle(bundle).screening
    assert screening is not None
    made = screening.certificate
    assert made is not None
    assert (made.population, made.n_texts) == (words, 60) == (printed["population"], 60)
    assert made.model_digest == read_bundle(bundle).model_digest
