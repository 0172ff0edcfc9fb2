"""A student taught, certified and used, on texts in which made-up words tell two labels."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from marked_texts import LASER, ROCKET, marked_text

from critech.batch.fast import certificate_lines
from critech.batch.records import Position, Record
from critech.cascade.certificate import Certificate, certify
from critech.cascade.folder import CERTIFICATE, STUDENT
from critech.cascade.judging import read_tokens
from critech.classifier import Classifier
from critech.cli import main
from critech_training.distill_sample import sampled

TAXONOMY, OTHER = ROCKET.partition(":")[0], "jp-kprogram-50"
N_SAMPLE, N_DUMP = 1500, 60


def rows(n: int, seed: int) -> str:
    rng = random.Random(seed)
    labels = (ROCKET, None, ROCKET, None, LASER)
    return "".join(
        json.dumps({"id": f"{i}", "text": marked_text(labels[i % 5], rng)}) + "\n" for i in range(n)
    )


@pytest.fixture(scope="module")
def distilled(
    marked_base: Path, corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("distilled")
    (folder / "sample.jsonl").write_text(rows(N_SAMPLE, 1), encoding="utf-8")
    (folder / "dump.jsonl").write_text(rows(N_DUMP, 2), encoding="utf-8")
    argv = [
        "distill", str(folder / "sample.jsonl"), "--out", str(folder / "student"),
        "--bundle", str(marked_base), "--corpus", str(corpus_folder),
        "--population", "made-up texts",
    ]  # fmt: skip
    assert main(argv) == 0
    return folder


def batch(distilled: Path, bundle: Path, out: str, *more: str) -> int:
    argv = ["batch", str(distilled / "dump.jsonl"), "-o", str(distilled / out)]
    return main([*argv, "--bundle", str(bundle), "--taxonomy", TAXONOMY, "--quiet", *more])


def read_rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_sample_has_a_text_once_with_each_title() -> None:
    given = [
        Record(Position("a", i), "A summary that many share.", title=f"Title {i % 3}")
        for i in range(9)
    ]
    given += [
        Record(Position("a", 9), "\u2014", title="Title 0"),
        Record(Position("a", 10), "One."),
    ]
    assert [one.position.record for one in sampled(given, 9, 0)] == [0, 1, 2, 10]
    assert len(sampled(given, 2, 0)) == 2


def test_the_certificate_says_what_was_found(distilled: Path) -> None:
    found = json.loads((distilled / "student" / CERTIFICATE).read_text(encoding="utf-8"))
    entry = next(one for one in found["entries"] if one["taxonomy"] == TAXONOMY)
    assert found["population"] == "made-up texts"
    assert entry["n_texts"] == N_SAMPLE // 2
    assert entry["lower_bound"] >= found["target"] == 0.99
    assert entry["n"] <= entry["passed"] < entry["n_texts"]


def test_rows_of_two_tiers_keep_the_full_models_labels(distilled: Path, marked_base: Path) -> None:
    fast = ("--fast", str(distilled / "student"))
    assert batch(distilled, marked_base, "plain.jsonl") == 0
    assert batch(distilled, marked_base, "fast.jsonl", *fast) == 0
    plain, two = read_rows(distilled / "plain.jsonl"), read_rows(distilled / "fast.jsonl")
    spared = [row for row in two if row["tier"] == "student"]
    assert spared
    assert all(row["possible"] == row["assigned"] == [] for row in spared)
    for before, after in zip(plain, two, strict=True):
        if after["tier"] == "full":
            assert after == before
        else:
            assert (after["id"], after["bundle"]) == (before["id"], before["bundle"])
            assert after["taxonomies"][0]["tier"] == "student"  # type: ignore[index]
            assert after["tokens_total"] == before["tokens_total"]
    lost = [a["id"] for a, b in zip(plain, two, strict=True) if a["possible"] and not b["possible"]]
    assert len(lost) <= 1


def test_processes_give_the_same_bytes(distilled: Path, marked_base: Path) -> None:
    fast = ("--fast", str(distilled / "student"))
    assert batch(distilled, marked_base, "threads.jsonl", *fast) == 0
    assert batch(distilled, marked_base, "processes.jsonl", *fast, "--processes", "1") == 0
    threads = (distilled / "threads.jsonl").read_bytes()
    assert threads == (distilled / "processes.jsonl").read_bytes()


def test_the_certificate_is_printed(
    distilled: Path, marked_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [
        "batch", str(distilled / "dump.jsonl"), "-o", str(distilled / "told.jsonl"), "--bundle",
        str(marked_base), "--taxonomy", TAXONOMY, "--fast", str(distilled / "student"),
    ]  # fmt: skip
    assert main(argv) == 0
    said = capsys.readouterr().err
    assert "certified on made-up texts" in said
    assert f"{TAXONOMY}: keeps " in said
    assert "with 95% confidence" in said
    assert "decided by the student: " in said


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--taxonomy", OTHER), f"has no certificate for {OTHER}"),
        (("--screen",), "does not go with --screen"),
    ],
)
def test_what_is_not_certified_is_refused(
    distilled: Path,
    marked_base: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    message: str,
) -> None:
    fast = ("--fast", str(distilled / "student"))
    assert batch(distilled, marked_base, "none.jsonl", *fast, *more) == 1
    assert message in capsys.readouterr().err
    assert not (distilled / "none.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (STUDENT, "made with another student"),
        (CERTIFICATE, "is not a certificate"),
        (None, "cannot be read: No such file"),
        ("bundle", "made with another bundle"),
    ],
)
def test_a_changed_student_is_refused(
    distilled: Path,
    marked_base: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str | None,
    message: str,
) -> None:
    for one in (STUDENT, CERTIFICATE):
        data = (distilled / "student" / one).read_bytes()
        if name is not None:
            (tmp_path / one).write_bytes(data[:-5] + b"     " if one == name else data)
    bundle = tiny_bundle if name == "bundle" else marked_base
    assert batch(distilled, bundle, "none.jsonl", "--fast", str(tmp_path)) == 1
    assert message in capsys.readouterr().err


def test_another_student_is_another_run(
    distilled: Path, marked_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = ("--fast", str(distilled / "student"))
    assert batch(distilled, marked_base, "again.jsonl", *fast) == 0
    assert batch(distilled, marked_base, "again.jsonl") == 1
    assert "other settings (fast)" in capsys.readouterr().err


def test_texts_that_are_never_the_students(marked_base: Path) -> None:
    text = "a plain English text of a few more words than too short"
    with Classifier.load(marked_base) as classifier:
        scorer = classifier.scorer
        assert read_tokens(scorer, text, None) is not None
        assert read_tokens(scorer, text, "en") is not None
        assert read_tokens(scorer, text, "ja") is None
        short = "plain text"
        assert 8 <= scorer.score(short).tokens_total < 20
        assert read_tokens(scorer, short, None) is None  # it has a warning, of the full model's
        assert read_tokens(scorer, "простой русский текст " * 3, None) is None
        assert read_tokens(scorer, "word " * 100_000, None) is None


def test_a_sample_needs_words_about_it(distilled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["distill", str(distilled / "sample.jsonl"), "--out", str(distilled / "x")]
    assert main([*argv, "--population", " "]) == 1
    assert "--population: is empty" in capsys.readouterr().err


def test_too_small_a_sample_is_refused_before_any_work(
    distilled: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "few.jsonl").write_text(rows(597, 1), encoding="utf-8")
    argv = ["distill", str(tmp_path / "few.jsonl"), "--out", str(tmp_path / "x")]
    assert main([*argv, "--population", "few"]) == 1
    assert "a sample of 597 texts" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_no_certificate_says_what_it_takes() -> None:
    rng = np.random.default_rng(4)
    has_any = np.arange(500)[:, None] < 12
    entries = certify([TAXONOMY], rng.normal(size=(500, 1)).astype(np.float32), has_any)
    certificate = Certificate(entries, "m", "s", "few texts", "c")
    assert list(certificate_lines(certificate, None))[1] == (
        f"  {TAXONOMY}: no certificate; 12 of 500 texts had a label, and it takes at least 299"
    )


def test_a_corpus_that_is_not_there_is_named(
    distilled: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    argv = ["distill", str(distilled / "sample.jsonl"), "--out", str(tmp_path / "x")]
    assert main([*argv, "--population", "p", "--corpus", str(tmp_path / "none")]) == 1
    assert "--corpus: " in capsys.readouterr().err
