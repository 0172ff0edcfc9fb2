"""``--fast`` certified and used, on a bundle whose heads know one made-up word."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bundle_edits import remove_file, replace_file, variant
from critech.batch.certifying import sampled
from critech.batch.fast import certificate_lines, first_of
from critech.batch.records import Position, Record
from critech.batch.rows import RowOptions, classify_each
from critech.bundle import ARRAYS, STUDENT, read_bundle
from critech.bundle.manifest import ANY_FIELD, ANY_TECHNOLOGY
from critech.cascade.certificate import GRID, Certificate, Entry, certify
from critech.cascade.words import Words
from critech.classifier import Classifier
from critech.cli import main
from critech.encoder import OnnxEncoder
from critech_training.export import with_slack

LABEL, OTHER = "jp-secret-patent-25:10", "jp-kprogram-50"
TAXONOMY = LABEL.partition(":")[0]
WORD, LETTERS = "zqxj", "bcdfglmnprst"
N_SAMPLE, N_DUMP = 900, 60
BEGINNING = -5.0
SLACK = 2.0


def text(with_word: bool, rng: random.Random) -> str:
    """Words of random letters, among them the one that tells."""
    words = ["".join(rng.choices(LETTERS, k=rng.randint(4, 8))) for _ in range(18)]
    return " ".join([*words[:9], WORD, *words[9:]] if with_word else words)


def rows(n: int, seed: int) -> str:
    rng = random.Random(seed)
    return "".join(
        json.dumps({"id": f"{i}", "text": text(i % 5 < 2, rng)}) + "\n" for i in range(n)
    )


@pytest.fixture(scope="module", params=["words", "student"])
def telling(
    request: pytest.FixtureRequest,
    tiny_bundle: Path,
    student_bundle: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A bundle in which a word tells one label, other letters mean a little by chance, and the
    dense vector a little more; without a student and with one."""
    out = tmp_path_factory.mktemp("bundles") / "telling"
    shutil.copytree(tiny_bundle, out)
    with np.load(out / ARRAYS) as archive:
        arrays = {name: archive[name] for name in archive.files}
    rng, labels = np.random.default_rng(3), arrays["labels"].tolist()
    ids = _first_letters(tiny_bundle)
    own = np.array([label.startswith(f"{TAXONOMY}:") for label in labels])
    lexical = np.where(own, rng.normal(size=(len(ids), len(labels))), 0)
    lexical[list(ids.values()).index(ids[WORD[0]]), labels.index(LABEL)] = 40
    ones, zeros = np.ones((2, len(labels))), np.zeros((2, len(labels)))
    arrays |= {
        "lexical_keys": np.array(list(ids.values()), dtype=np.uint64) << np.uint64(32),
        "lexical_idf": np.ones(len(ids), dtype=np.float32),
        "lexical": lexical,
        "intercept": np.where(own, BEGINNING, 2 * BEGINNING),
        "slope": ones,
        "offset": zeros,
        "possible": ones * 0.3,
        "assigned": ones * 0.6,
        "companion_share": zeros,
        "coverage_floor": np.zeros(2),
    }
    floats = {name: value for name, value in arrays.items() if value.dtype == np.float64}
    arrays |= {name: value.astype(np.float32) for name, value in floats.items()}
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    replace_file(out, ARRAYS, data.getvalue())
    for name in (ANY_FIELD, ANY_TECHNOLOGY):  # they have a weight for each of the old features
        remove_file(out, name)
    if request.param == "student":
        slack = {one.id: SLACK for one in read_bundle(out).taxonomies}
        replace_file(out, STUDENT, with_slack((student_bundle / STUDENT).read_bytes(), slack))
    return out


def has_student(bundle: Path) -> bool:
    return (bundle / STUDENT).is_file()


def _first_letters(bundle: Path) -> dict[str, int]:
    """The token ids of letters that begin a word, by letter, ascending."""
    given = read_bundle(bundle)
    encoder = OnnxEncoder(given.encoder_bytes, given.tokenizer_bytes, given.encoder_config)
    found = {letter: encoder.token_ids(letter)[0] for letter in LETTERS + WORD[0]}
    return dict(sorted(found.items(), key=lambda one: one[1]))


@pytest.fixture(scope="module")
def certified(telling: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sample, dump and certificate."""
    folder = tmp_path_factory.mktemp("certified")
    (folder / "sample.jsonl").write_text(rows(N_SAMPLE, 1), encoding="utf-8")
    (folder / "dump.jsonl").write_text(rows(N_DUMP, 2), encoding="utf-8")
    argv = [
        "certify-fast", str(folder / "sample.jsonl"), "--out", str(folder / "fast.json"),
        "--bundle", str(telling), "--population", " made-up texts ",
    ]  # fmt: skip
    assert main(argv) == 0
    return folder


@pytest.fixture
def batch(certified: Path, telling: Path, tmp_path: Path) -> Callable[..., int]:
    """Run ``critech batch`` over the dump; the output goes into ``tmp_path``."""

    def run(out: str, *more: str, bundle: Path = telling) -> int:
        argv = ["batch", str(certified / "dump.jsonl"), "-o", str(tmp_path / out)]
        return main([*argv, "--bundle", str(bundle), "--taxonomy", TAXONOMY, *more])

    return run


def read_rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def entry_of(path: Path) -> dict[str, object]:
    raw = json.loads(path.read_text(encoding="utf-8"))
    return next(one for one in raw["entries"] if one["taxonomy"] == TAXONOMY)


def with_cutoff(path: Path, cutoff: float) -> Certificate:
    raw = json.loads(path.read_text(encoding="utf-8"))
    entry = {**entry_of(path), "cutoff": cutoff}
    made = Certificate.from_dict({**raw, "entries": []})
    return replace(made, entries=(Entry(**entry),))


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


def test_counts_are_those_of_the_full_model_and_of_the_words(
    certified: Path, telling: Path
) -> None:
    entry, n, kept, passed = entry_of(certified / "fast.json"), 0, 0, 0
    with Classifier.load(telling) as classifier:
        words = Words(classifier.scorer)
        at = [one.id for one in classifier.bundle.taxonomies].index(TAXONOMY)
        for row in read_rows(certified / "sample.jsonl"):
            (result,) = classifier.classify([str(row["text"])]).results
            labels = next(one.labels for one in result.taxonomies if one.id == TAXONOMY)
            has_any = any(label.decision != "not_assigned" for label in labels)
            reading = words.read(str(row["text"]))
            goes_on = reading is None or bool(reading.excess[at] >= np.float32(entry["cutoff"]))
            n, kept, passed = n + has_any, kept + (has_any and goes_on), passed + goes_on
    assert (entry["n"], entry["kept"], entry["passed"]) == (n, kept, passed)
    assert entry["n_texts"] == N_SAMPLE
    assert entry["cutoff"] in GRID
    assert 299 <= n <= passed < N_SAMPLE
    raw = json.loads((certified / "fast.json").read_text(encoding="utf-8"))
    assert raw["population"] == "made-up texts"
    assert float(str(entry["lower_bound"])) >= raw["target"] == 0.99


def test_rows_that_go_on_are_those_without_tiers(
    certified: Path, telling: Path, batch: Callable[..., int], tmp_path: Path
) -> None:
    assert batch("plain.jsonl") == 0
    assert batch("fast.jsonl", "--fast", str(certified / "fast.json")) == 0
    plain, two = read_rows(tmp_path / "plain.jsonl"), read_rows(tmp_path / "fast.jsonl")
    tiers = {str(row["tier"]) for row in two}
    assert tiers == {"words", "full", *(["student"] if has_student(telling) else [])}
    for before, after in zip(plain, two, strict=True):
        if after["tier"] == "full":
            assert after == before
        else:
            assert after["possible"] == after["assigned"] == after["warnings"] == []
            assert after["taxonomies"] == [
                {"id": TAXONOMY, "version": before["taxonomies"][0]["version"],  # type: ignore[index]
                 "tier": after["tier"], "labels": []}
            ]  # fmt: skip
            same = ("source", "record", "id", "language", "tokens_seen", "tokens_total", "bundle")
            assert [after[name] for name in same] == [before[name] for name in same]
    lost = [a["id"] for a, b in zip(plain, two, strict=True) if a["possible"] and not b["possible"]]
    assert len(lost) <= 1


@pytest.mark.parametrize(("cutoff", "tier"), [(-np.inf, "full"), (np.inf, "words")])
def test_a_cutoff_decides_who_goes_on(
    certified: Path, telling: Path, cutoff: float, tier: str
) -> None:
    options = RowOptions((TAXONOMY,))
    given = [
        Record(Position("a", i), str(row["text"]))
        for i, row in enumerate(read_rows(certified / "dump.jsonl"))
    ]
    with Classifier.load(telling) as classifier:
        first = first_of(classifier, with_cutoff(certified / "fast.json", cutoff), options)
        found = classify_each(classifier, given, options, first)
        assert {row["tier"] for row in found} == {tier}  # type: ignore[index]
        if tier == "full":
            assert found == classify_each(classifier, given, options)
        none = Certificate((), "m", "texts", "c")
        unsure = classify_each(classifier, given[:3], options, first_of(classifier, none, options))
        assert {row["tier"] for row in unsure} == {"full"}  # type: ignore[index]


def test_a_text_on_the_cutoff_goes_on_and_one_below_does_not(
    certified: Path, telling: Path
) -> None:
    given = [
        Record(Position("a", i), str(row["text"]))
        for i, row in enumerate(read_rows(certified / "dump.jsonl"))
    ]
    with Classifier.load(telling) as classifier:
        words = Words(classifier.scorer)
        at = [one.id for one in classifier.bundle.taxonomies].index(TAXONOMY)
        readings = [words.read(record.text) for record in given]
        excess = [float(one.excess[at]) for one in readings if one is not None]
        assert len(excess) == N_DUMP
        cutoff = sorted(excess)[N_DUMP // 2]
        made = with_cutoff(certified / "fast.json", cutoff)
        first = first_of(classifier, made, RowOptions((TAXONOMY,)))
        assert [first(record) is None for record in given] == [one >= cutoff for one in excess]


def test_processes_give_the_same_bytes(
    certified: Path, batch: Callable[..., int], tmp_path: Path
) -> None:
    fast = ("--fast", str(certified / "fast.json"))
    assert batch("threads.jsonl", *fast, "--threads", "2") == 0
    assert batch("processes.jsonl", *fast, "--processes", "1") == 0
    threads = (tmp_path / "threads.jsonl").read_bytes()
    assert b'"tier":"words"' in threads.replace(b'": "', b'":"')
    assert threads == (tmp_path / "processes.jsonl").read_bytes()


def test_a_run_that_was_stopped_goes_on(
    certified: Path,
    telling: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = rows(30, 4).splitlines(keepends=True)
    dump = "".join([*lines[:20], "not json\n", *lines[20:]])
    (tmp_path / "dump.jsonl").write_text(dump, encoding="utf-8")
    argv = ["batch", str(tmp_path / "dump.jsonl"), "--bundle", str(telling), "--shard-rows", "5"]
    argv += ["--taxonomy", TAXONOMY, "--fast", str(certified / "fast.json"), "--threads", "1"]
    assert main([*argv, "-o", str(tmp_path / "whole.jsonl")]) == 4
    assert main([*argv, "-o", str(tmp_path / "parts.jsonl"), "--max-errors", "0"]) == 5
    capsys.readouterr()
    assert main([*argv, "-o", str(tmp_path / "parts.jsonl")]) == 4
    said = capsys.readouterr().err
    whole = (tmp_path / "whole.jsonl").read_bytes()
    assert whole == (tmp_path / "parts.jsonl").read_bytes()
    spared = sum(row["tier"] == "words" for row in read_rows(tmp_path / "whole.jsonl"))
    assert 0 < spared < 30
    assert f"decided by words alone: {spared} (" in said
    assert "; 31 in " not in said  # the second run began where the first was stopped


def test_flat_rows_name_the_tier(
    certified: Path, batch: Callable[..., int], tmp_path: Path
) -> None:
    assert batch("flat.csv", "--fast", str(certified / "fast.json")) == 0
    with (tmp_path / "flat.csv").open(encoding="utf-8", newline="") as file:
        found = {(row["tier"], bool(row["label"])) for row in csv.DictReader(file)}
    assert ("words", False) in found
    assert ("full", True) in found
    assert ("words", True) not in found


def test_the_certificate_and_the_share_are_printed(
    certified: Path, telling: Path, batch: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    report = certified / "report.html"
    given = ("--fast", str(certified / "fast.json"), "--report", str(report))
    assert batch("told.jsonl", *given) == 0
    said = capsys.readouterr().err
    assert said.count("certified on made-up texts") == 2  # before the work, and with its result
    assert said.rindex("certified on made-up texts") > said.index("records: ")
    assert f"{TAXONOMY}: keeps " in said
    page = report.read_text(encoding="utf-8")
    assert "<td>fast</td><td>certified on made-up texts</td>" in page
    assert f"<td>{TAXONOMY}</td><td>keeps " in page
    assert "with 95% confidence" in said
    assert "decided by words alone: " in said
    assert ("decided by the student: " in said) == has_student(telling)
    assert OTHER not in said


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--taxonomy", OTHER), f"has no certificate for {OTHER}"),
        (("--screen",), "does not go with --screen"),
    ],
)
def test_what_is_not_certified_is_refused(
    certified: Path,
    batch: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    message: str,
) -> None:
    assert batch("none.jsonl", "--fast", str(certified / "fast.json"), *more) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "none.jsonl").exists()


def test_another_bundle_is_refused(
    certified: Path,
    telling: Path,
    batch: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = variant(telling, tmp_path / "other", "9.9.9", shift=0.5)
    assert batch("none.jsonl", "--fast", str(certified / "fast.json"), bundle=other) == 1
    assert "was certified with another bundle" in capsys.readouterr().err


def test_another_student_is_refused_and_so_is_none(
    certified: Path,
    telling: Path,
    student_bundle: Path,
    batch: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other"
    shutil.copytree(telling, other)
    fast = ("--fast", str(certified / "fast.json"))
    data = (student_bundle / STUDENT).read_bytes()
    taxonomies = [one.id for one in read_bundle(other).taxonomies]
    replace_file(other, STUDENT, with_slack(data, dict.fromkeys(taxonomies, SLACK + 1)))
    assert batch("none.jsonl", *fast, bundle=other) == 1
    assert "was certified with another bundle" in capsys.readouterr().err
    remove_file(other, STUDENT)
    assert batch("none.jsonl", *fast, bundle=other) == (1 if has_student(telling) else 0)


@pytest.mark.parametrize("workers", [("--threads", "1"), ("--processes", "1")])
def test_a_student_that_cannot_be_run_is_told_before_any_work(
    certified: Path,
    telling: Path,
    batch: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    workers: tuple[str, str],
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(telling, broken)
    replace_file(broken, STUDENT, b"no model")
    raw = json.loads((certified / "fast.json").read_text(encoding="utf-8"))
    forged = {**raw, "model_digest": read_bundle(broken).tiers_digest}
    (tmp_path / "forged.json").write_text(json.dumps(forged), encoding="utf-8")
    fast = ("--fast", str(tmp_path / "forged.json"))
    assert batch("none.jsonl", *fast, *workers, bundle=broken) == 3
    assert "bundle student.onnx: cannot be run" in capsys.readouterr().err
    assert not (tmp_path / "none.jsonl").exists()


def test_another_certificate_is_another_run(
    certified: Path,
    batch: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(certified / "fast.json", tmp_path / "copy.json")
    assert batch("again.jsonl", "--fast", str(certified / "fast.json")) == 0
    done = (tmp_path / "again.jsonl").read_bytes()
    assert batch("again.jsonl", "--fast", str(tmp_path / "copy.json")) == 0
    assert (tmp_path / "again.jsonl").read_bytes() == done
    raw = json.loads((tmp_path / "copy.json").read_bytes())
    (tmp_path / "copy.json").write_text(json.dumps({**raw, "population": "other texts"}))
    for more in ([], ["--fast", str(tmp_path / "copy.json")]):
        assert batch("again.jsonl", *more) == 1
        assert "other settings (fast)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--out", "{made}", "--population", " "], "--population: is empty"),
        (["--out", "{made}", "--population", "a\x1b[2J"], "--population: has a character that"),
        (["--out", "{made}", "--limit", "1000001"], "--limit: must be 1000000 or less"),
        (["--out", "{sample}"], "--out: is there already"),
        (["--out", "-"], "--out: is -, but standard output is not written to; name a file"),
        (["--out", "{made}/fast.json"], "--out: its folder does not exist"),
        (["--out", "{made}", "--limit", "298"], "SAMPLE: has 298 texts; a certificate takes at"),
        (["--out", "{made}", "--limit", "320"], "SAMPLE: has too few texts with a label for any"),
    ],
)
def test_what_gives_no_certificate_is_told(
    certified: Path,
    telling: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    names = {"made": tmp_path / "made.json", "sample": certified / "sample.jsonl"}
    before = names["sample"].read_bytes()
    argv = ["certify-fast", str(names["sample"]), "--bundle", str(telling)]
    assert main([*argv, *(one.format(**names) for one in more)]) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert names["sample"].read_bytes() == before


def test_a_sample_without_any_record_is_refused_as_by_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text('[\n  {"text": "a"},\n  {"text": "b"}\n]\n')
    argv = ["certify-fast", str(sample), "--out", str(tmp_path / "made.json")]
    assert main([*argv, "--bundle", str(tmp_path / "none")]) == 1
    assert "sample.json: a JSON array; expected an object on each line" in capsys.readouterr().err


def test_no_certificate_says_what_it_takes() -> None:
    rng = np.random.default_rng(4)
    has_any = np.arange(500)[:, None] < 12
    entries = certify([TAXONOMY], rng.normal(size=(500, 1)).astype(np.float32), has_any)
    certificate = Certificate(entries, "m", "few texts", "c")
    assert list(certificate_lines(certificate, None))[1] == (
        f"  {TAXONOMY}: no certificate; 12 of 500 texts had a label, and it takes at least 299"
    )
