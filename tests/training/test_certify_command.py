"""``critech certify``: what is printed, what is written, what is refused."""

from __future__ import annotations

import dataclasses
import gzip
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from critech.bundle import ENCODER, read_bundle, write_screening
from critech.bundle.reading import read_checked
from critech.cli import main
from critech.digest import digest
from critech.errors import InputError
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


def test_the_bundle_that_was_checked_is_the_one_that_is_measured(
    gold: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    read = []

    def watched(folder: Path, name: str, listed: Mapping[str, Mapping[str, Any]]) -> bytes:
        read.append(name)
        return read_checked(folder, name, listed)

    def begun(*_: object) -> NoReturn:
        raise InputError("measuring", "has begun")

    monkeypatch.setattr("critech.bundle.reading.read_checked", watched)
    monkeypatch.setattr("critech_training.commands.certify.measure", begun)
    command = ["certify", "--gold", str(gold), "--bundle", str(tiny_bundle)]
    for more in ([], ["--write", "--population", "written texts"]):
        read.clear()
        assert main([*command, *more]) == 1
        assert "measuring: has begun" in capsys.readouterr().err
        assert read.count(ENCODER) == 1


def test_a_broken_bundle_is_told_before_measuring(
    gold: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    (bundle / "extra").touch()
    command = ["certify", "--gold", str(gold), "--bundle", str(bundle), "--write"]
    assert main([*command, "--population", "written texts"]) == 3
    said = capsys.readouterr()
    assert "extra: is not in the manifest" in said.err
    assert said.out == ""


def test_the_set_that_cutoffs_were_chosen_on_certifies_nothing_ever_again(
    gold: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when another set was certified since then."""
    bundle, other = tmp_path / "bundle", tmp_path / "other.jsonl"
    shutil.copytree(tiny_bundle, bundle)
    lines = gold.read_text(encoding="utf-8").splitlines()
    other.write_text("\n".join(lines[:50]) + "\n", encoding="utf-8")
    screening = read_bundle(bundle).screening
    assert screening is not None
    rule = f"fixed-sequence testing for a recall of 0.95 on {digest(gold.read_bytes())}"
    write_screening(bundle, dataclasses.replace(screening, cutoff_rule=rule))
    command = ["certify", "--bundle", str(bundle), "--write", "--population", "written texts"]
    assert main([*command, "--gold", str(other)]) == 0
    capsys.readouterr()
    assert main([*command, "--gold", str(gold)]) == 1
    assert "--gold: is the set that the cut-offs were chosen on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "--pool: holds no texts"),
        (b'{"id": 1, "text": "A pump."}\n{"id": 2, "text": 5}\n', "--pool:2.text: is missing"),
        (b'{"id": 1, "text": "A pump.", "title": 5}\n', "--pool:1.title: must be a string"),
        (b"\xff\n", "--pool: is not JSON lines"),
    ],
)
def test_a_pool_that_cannot_be_read_is_told(
    content: bytes,
    said: str,
    gold: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pool = tmp_path / "pool.jsonl"
    pool.write_bytes(content)
    command = ["certify", "--gold", str(gold), "--bundle", str(tiny_bundle)]
    assert main([*command, "--budget", "1", "--pool", str(pool)]) == 1
    assert said in capsys.readouterr().err


def test_a_cut_gzip_pool_is_told(
    gold: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = tmp_path / "pool.jsonl.gz"
    whole = gzip.compress(b'{"id": 1, "text": "A pump."}\n' * 50)
    command = ["certify", "--gold", str(gold), "--bundle", str(tiny_bundle), "--budget", "1"]
    for broken in (whole[:-9], whole[:12] + b"\xff" * 20):
        pool.write_bytes(broken)
        assert main([*command, "--pool", str(pool)]) == 1
        assert "--pool: " in capsys.readouterr().err
