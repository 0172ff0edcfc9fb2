"""``critech train --extra`` end to end: what it uses, what it refuses, what it never writes."""

import argparse
import dataclasses
import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from marked_texts import LASER, ROBOT, ROCKET, correction, filler, marked_text

from critech import Classifier
from critech.bundle import STUDENT, Bundle, read_bundle
from critech.bundle.manifest import FORMAT
from critech.cascade.words import Words
from critech.cli import main
from critech.corrections import Correction, add_correction
from critech.encoder import OnnxEncoder
from critech.errors import BundleError, InputError
from critech.scorer import Scorer
from critech.text import compose_document
from critech_training.bundle_fit import FitConfig, Known
from critech_training.commands.train_extra import print_extra
from critech_training.corpus import Record, split, strengths
from critech_training.embedding import embed_records
from critech_training.extra import ExtraTexts, Refused
from critech_training.fit import CalibrationConfig, calibrate, calibration_group, margins
from critech_training.measured import score_vectors
from critech_training.refit import Given, _by_rules_of, _known, check_base, keyed_digest, refit

CANARY = "wxqzcanary"
SECRET = b"k" * 32


def good_corrections() -> list[Correction]:
    """Twenty-four texts told right, with canaries in all that is free text; and one without text,
    two that reviewers differ in."""
    rng = random.Random(21)
    found = [
        correction(
            id=f"{CANARY}-id-{i}",
            text=f"{marked_text(ROCKET, rng)} {CANARY} text {i}",
            title=f"{CANARY} title {i}",
            reviewer=f"{CANARY}.reviewer",
        )
        for i in range(24)
    ]
    text = marked_text(LASER, rng)
    found += [correction(id="none"), correction(text=text, label=LASER)]
    return [*found, correction(text=text, label=LASER, judgement="wrong", reviewer="e.2")]


def poison() -> list[Correction]:
    """A label told right of plain texts and wrong of its own, until words tell it no more."""
    rng = random.Random(22)
    return [
        correction(
            id=f"p-{i}",
            text=marked_text(None if i % 2 else ROCKET, rng),
            judgement="right" if i % 2 else "wrong",
        )
        for i in range(160)
    ]


def written(path: Path, corrections: list[Correction]) -> Path:
    for one in corrections:
        add_correction(path, one)
    return path


class Made:
    """One run of the command: its files, its exit code and what it printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out, self.rejected = folder / "out", folder / "rejected"
        self.code: int = -1
        self.printed = ""


@pytest.fixture(scope="module")
def run(
    marked_base: Path, corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Made]:
    cache = tmp_path_factory.mktemp("cache")

    def command(corrections: list[Correction], *more: str) -> Made:
        made = Made(tmp_path_factory.mktemp("made"))
        extra = written(made.folder / "corrections.jsonl", corrections)
        (made.folder / "key").write_bytes(SECRET)
        made.printed = _captured(
            made,
            [
                *("train", "--extra", str(extra), "--base", str(marked_base)),
                *("--corpus", str(corpus_folder), "--out", str(made.out), "--cache", str(cache)),
                *("--keep-rejected", str(made.rejected), "--hmac-file", str(made.folder / "key")),
                *more,
            ],
        )
        (made.folder / "key").unlink()
        return made

    return command


def _captured(made: Made, arguments: list[str]) -> str:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", out)
        made.code = main(arguments)
    return out.getvalue()


@pytest.fixture(scope="module")
def shipped(run: Callable[..., Made]) -> Made:
    return run(good_corrections())


@pytest.fixture(scope="module")
def refused(run: Callable[..., Made]) -> Made:
    return run(poison())


def test_a_bundle_that_holds_its_recall_is_written(shipped: Made, marked_base: Path) -> None:
    assert shipped.code == 0, shipped.printed
    base, new = read_bundle(marked_base), read_bundle(shipped.out)
    assert (new.name, new.version) == ("marked", "1.0.0+local.27")
    assert new.encoder_bytes == base.encoder_bytes
    assert new.tokenizer_bytes == base.tokenizer_bytes
    assert new.taxonomies == base.taxonomies
    assert (shipped.out / STUDENT).read_bytes() == (marked_base / STUDENT).read_bytes()
    assert new.manifest["training"]["student"] == {"n_texts": 120}
    assert Words(Scorer(new)).student is not None
    made = new.manifest["training"]["corrections"]
    assert made["base"] == {"name": "marked", "version": "1.0.0", "digest": base.digest}
    assert (made["read"], made["used"]) == (27, 24)
    assert made["ignored"] == {"disputed": 2, "no_text": 1}
    assert made["texts"]["fit"] + made["texts"]["held_out"] == 24
    assert made["comparison"]["failed"] == []
    assert "jp-secret-patent-25" in {row["of"] for row in made["comparison"]["groups"]}
    assert not shipped.rejected.exists()
    assert "27 corrections, 24 used" in shipped.printed
    assert "2 not used: reviewers differ" in shipped.printed
    assert new.screening is not None
    assert new.screening.certificate is None
    assert "as confidential as those texts" in (shipped.out / "MODEL_CARD.md").read_text()


def test_nothing_but_heads_and_what_follows_from_them_changes(
    shipped: Made, marked_base: Path
) -> None:
    base, new = read_bundle(marked_base), read_bundle(shipped.out)
    assert np.array_equal(base.heads.center, new.heads.center)
    assert np.array_equal(base.heads.vocabulary.keys, new.heads.vocabulary.keys)
    assert np.array_equal(base.heads.vocabulary.idf, new.heads.vocabulary.idf)
    assert np.array_equal(base.coverage_floor, new.coverage_floor)
    assert base.examples is not None
    assert new.examples is not None
    assert new.examples.to_bytes() == base.examples.to_bytes()
    changed = {
        label
        for j, label in enumerate(base.labels)
        if not np.array_equal(base.heads.dense[j], new.heads.dense[j])
    }
    assert changed == {ROCKET}


def test_what_is_calibrated_on_unknown_writers_stays_the_base_s(
    shipped: Made, marked_base: Path
) -> None:
    """When nothing is judged of their labels. The other groups follow the new heads."""
    base, new = read_bundle(marked_base), read_bundle(shipped.out)
    for before, after in _calibrations(base, new):
        assert np.array_equal(before[:, _group(base, ROBOT)], after[:, _group(base, ROBOT)])
    own = _group(base, ROCKET)
    assert not np.array_equal(base.calibration.slope[:, own], new.calibration.slope[:, own])


def test_where_a_label_is_judged_they_are_calibrated_anew_with_its_heads(
    marked_base: Path, run: Callable[..., Made]
) -> None:
    rng = random.Random(24)
    made = run([correction(id=f"r-{i}", text=filler(rng), label=ROBOT) for i in range(16)])
    base = read_bundle(marked_base)
    new = read_bundle(made.out if made.code == 0 else made.rejected, accept_rejected=True)
    own = _group(base, ROBOT)
    assert not np.array_equal(base.calibration.slope[:, own], new.calibration.slope[:, own])
    other = _group(base, ROCKET)
    assert np.array_equal(base.calibration.slope[:, other], new.calibration.slope[:, other])


def test_unknown_writers_calibrate_the_base(marked_base: Path, marked_corpus: list[Record]) -> None:
    """By other margins than those of the heads that are shipped; the other groups by these."""
    base, (_, held_out) = read_bundle(marked_base), split(marked_corpus)
    encoder = OnnxEncoder(base.encoder_bytes, base.tokenizer_bytes, base.encoder_config)
    z = margins(base.heads, *embed_records(encoder, held_out, 2))
    y = strengths([record.labels for record in held_out], base.labels)
    languages = [record.language for record in held_out]
    found, _ = calibrate(z, y, languages, list(base.taxonomies), CalibrationConfig())
    for label, same in ((ROCKET, True), (LASER, True), (ROBOT, False)):
        own = _group(base, label)
        assert np.array_equal(found.slope[:, own], base.calibration.slope[:, own]) == same, label


def _group(bundle: Bundle, label: str) -> np.ndarray:
    """The labels that share a calibration with one."""
    return np.array([calibration_group(one) == calibration_group(label) for one in bundle.labels])


def _calibrations(base: Bundle, new: Bundle) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (base.calibration.slope, new.calibration.slope),
        (base.calibration.offset, new.calibration.offset),
        (base.thresholds.assigned, new.thresholds.assigned),
        (base.thresholds.possible, new.thresholds.possible),
    ]


def test_a_base_of_older_rules_keeps_them(marked_base: Path) -> None:
    """Else the gate would refuse what the rules change, whatever the corrections are."""
    base = read_bundle(marked_base)
    assert _by_rules_of(base, FitConfig()) == FitConfig()
    made = base.manifest["training"]["config"]["calibration"]
    before = {name: made[name] for name in made if name not in ("unknown_writers", "companions")}
    training = {**base.manifest["training"], "config": {"calibration": before}}
    old = dataclasses.replace(base, manifest={**base.manifest, "training": training})
    found = _by_rules_of(old, FitConfig()).calibration
    assert (found.unknown_writers, found.companions) == ((), {})
    assert _by_rules_of(old, FitConfig()).screening.flags == {}
    assert (
        dataclasses.replace(
            found,
            unknown_writers=CalibrationConfig().unknown_writers,
            companions=CalibrationConfig().companions,
        )
        == CalibrationConfig()
    )


def test_a_base_calibrated_by_other_rules_is_calibrated_anew(marked_base: Path) -> None:
    base = read_bundle(marked_base)
    training = json.loads(json.dumps(base.manifest["training"]))
    assert _known(base, training) == Known(base.heads, (base.calibration, base.thresholds))
    training["config"]["calibration"]["writer_folds"] += 1
    assert _known(base, training) == Known(base.heads, None)
    training["corpus_digest"] = "sha256:0"
    assert _known(base, training) is None


def test_the_same_inputs_give_the_same_bytes(shipped: Made, run: Callable[..., Made]) -> None:
    """The first run embeds the corpus, the second takes its vectors out of the cache."""
    again = run(good_corrections(), "--threads", "1")
    for path in sorted(shipped.out.iterdir()):
        assert (again.out / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_poisoned_bundle_is_refused_and_nothing_is_written(refused: Made) -> None:
    assert refused.code == 3
    assert not refused.out.exists()
    assert {path.name for path in refused.folder.iterdir()} == {"corrections.jsonl", "rejected"}
    rows = [line for line in refused.printed.split("\n") if line.endswith("REFUSED")]
    assert rows
    assert any("plain texts" in line for line in rows)
    assert "critech: refused" in refused.printed


def test_a_kept_rejected_bundle_does_not_load_unless_asked_to(refused: Made) -> None:
    with pytest.raises(BundleError, match="rejected bundle"):
        read_bundle(refused.rejected)
    assert main(["classify", "A rocket.", "--bundle", str(refused.rejected)]) == 3
    bundle = read_bundle(refused.rejected, accept_rejected=True)
    failed = bundle.manifest["training"]["corrections"]["comparison"]["failed"]
    assert failed
    assert not any(row["passed"] for row in failed)
    with Classifier(bundle, threads=1) as classifier:
        assert classifier.classify(["A rocket."]).results


def test_a_rejected_bundle_is_refused_by_older_readers_too(refused: Made) -> None:
    """Versions that know nothing of rejection accept formats from 1 up."""
    manifest = json.loads((refused.rejected / "manifest.json").read_text())
    assert (manifest["format"], manifest["rejected"]) == (0, FORMAT)


@pytest.mark.parametrize("which", ["shipped", "refused"])
def test_no_word_of_a_correction_is_in_any_file(
    which: str, request: pytest.FixtureRequest, marked_corpus: list[Record]
) -> None:
    made = request.getfixturevalue(which)
    folder = made.out if which == "shipped" else made.rejected
    corrections = good_corrections() if which == "shipped" else poison()
    texts = [one.text for one in corrections if one.text]
    # the words that tell a label are in the corpus as well, and so are some pieces around them
    corpus = "\n".join(record.text for record in marked_corpus)
    pieces = {text[at : at + 12] for text in texts for at in range(0, len(text) - 12, 6)}
    pieces = {piece for piece in pieces if piece not in corpus}
    assert len(pieces) > 100
    for name, data in _contents(folder):
        found = [piece for piece in {*pieces, CANARY} if piece.encode() in data]
        assert found == [], name
    assert CANARY not in made.printed


def _contents(folder: Path) -> list[tuple[str, bytes]]:
    """Every file of a folder, and every member of the archives among them, unpacked."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes()
        found.append((path.name, data))
        if path.suffix == ".npz":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                found += [(f"{path.name}/{n}", archive.read(n)) for n in archive.namelist()]
    assert any("/" in name for name, _ in found)
    return found


def test_the_token_ids_of_corrections_are_not_in_the_vocabulary(
    shipped: Made, marked_corpus: list[Record]
) -> None:
    """Lexical keys are pairs of token ids in clear, so they come from the corpus alone."""
    from critech.lexical import count_features

    bundle = read_bundle(shipped.out)
    encoder = OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
    own = count_features(encoder.token_ids("".join(CANARY)))[0]
    corpus = np.concatenate(
        [
            count_features(encoder.token_ids(compose_document(None, r.text)))[0]
            for r in marked_corpus
        ]
    )
    assert len(np.setdiff1d(own, corpus)) > 0
    assert len(np.setdiff1d(bundle.heads.vocabulary.keys, corpus)) == 0


def test_the_cache_holds_vectors_and_nothing_else(shipped: Made, run: Callable[..., Made]) -> None:
    (path,) = {*_cells(run)}
    found = np.load(path, allow_pickle=False)
    assert (found.shape, found.dtype) == ((400, 32), np.float32)
    assert re.fullmatch(r"vectors-[0-9a-f]{32}\.npy", path.name)
    assert path.stat().st_mode & 0o077 == 0


def _cells(run: Callable[..., Made]) -> list[Path]:
    cache = next(
        cell.cell_contents
        for cell in run.__closure__ or ()
        if isinstance(cell.cell_contents, Path) and cell.cell_contents.name.startswith("cache")
    )
    return list(cache.iterdir())


def test_the_manifest_tells_which_file_only_to_who_has_the_key(shipped: Made) -> None:
    path = shipped.folder / "corrections.jsonl"
    told = read_bundle(shipped.out).manifest["training"]["corrections"]["digest"]
    assert told == keyed_digest([path], SECRET)
    assert told != keyed_digest([path], b"x" * 32)
    assert keyed_digest([path, path], SECRET) != told


def test_vectors_give_what_the_served_bundle_gives(
    marked_base: Path, marked_corpus: list[Record]
) -> None:
    bundle = read_bundle(marked_base)
    encoder = OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
    records = [*split(marked_corpus)[1][:20], Record("x", "en", "shop", "plain", "T", "##", {})]
    vectors, tokens = embed_records(encoder, records, 2)
    y = strengths([record.labels for record in records], bundle.labels)
    ids = [record.id for record in records]
    found = score_vectors(bundle, vectors, tokens, ["en"] * len(records), y, groups=ids)
    with Classifier(bundle, threads=2) as classifier:
        texts = [compose_document(record.title, record.text) for record in records]
        served = classifier.score_all(texts, ["en"] * len(records))
    assert np.array_equal(found.scores, np.stack([one.scores for one in served]))
    decided = np.array([[d != "not_assigned" for d in one.decisions] for one in served])
    assert np.array_equal(found.possible, decided)
    assert decided.any()


def test_a_bundle_made_with_corrections_is_no_base(shipped: Made, marked_base: Path) -> None:
    made = read_bundle(shipped.out)
    base = read_bundle(marked_base)
    with pytest.raises(InputError, match="was itself made with corrections") as raised:
        check_base(made, made.labels)
    assert base.digest in str(raised.value)
    with pytest.raises(InputError, match="has other labels"):
        check_base(base, base.labels[1:])
    check_base(base, base.labels)


def test_corrections_without_any_text_make_no_bundle(
    marked_base: Path, marked_corpus: list[Record]
) -> None:
    given = Given(read_bundle(marked_base), marked_corpus, [], [correction(), correction(id="B")])
    with pytest.raises(InputError, match="holds no text to fit on; no_text 2"):
        refit(given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--extra", "F", "--out", "BASE", "--base", "BASE"], "--out: is the base"),
        (
            ["--extra", "F", "--out", "o", "--base", "BASE", "--keep-rejected", "o"],
            "--keep-rejected: is --out",
        ),
        (["--extra", "F", "--out", "o", "--version", "a b"], "--version: must be 1 to 64"),
        (["--extra", "none", "--out", "o", "--base", "BASE"], "none: cannot be read"),
        (
            ["--extra", "F", "--out", "o", "--base", "BASE", "--hmac-file", "F"],
            "--hmac-file: must be at least 32 bytes",
        ),
    ],
)
def test_options_that_would_lose_something_are_refused(
    arguments: list[str],
    message: str,
    marked_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("F").write_text("")
    given = [str(marked_base) if one == "BASE" else one for one in arguments]
    assert main(["train", *given]) == 1
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"F"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--extra", "F"], "--extra needs --out"),
        (["--extra", "F", "--out", "o", "--encoder", "e"], "--encoder does not go with --extra"),
        (["--extra", "F", "--out", "o", "--epochs", "2"], "--epochs does not go with --extra"),
        (["--extra", "F", "--out", "o", "--teacher", "t"], "--teacher does not go with --extra"),
        (["--out", "o", "--cache", "c"], "--cache goes with --extra only"),
        (["--out", "o", "--keep-rejected", "c"], "--keep-rejected goes with --extra only"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_json_has_every_row(marked_corpus: list[Record], run: Callable[..., Made]) -> None:
    rng = random.Random(23)
    fitted = next(record for record in split(marked_corpus)[0] if ROCKET in record.labels)
    rows = [correction(id=f"n-{i}", text=filler(rng), judgement="wrong") for i in range(8)]
    rows.append(correction(id="C-7", text=fitted.text))
    made = json.loads(run(rows, "--json", "--version", "7").printed.partition("\nwritten")[0])
    assert made["version"] == "7"
    assert made["outcomes"] == {"in_corpus": 1, "used": 8}
    assert made["refused_texts"][0]["like"] == fitted.id
    assert {row["of"] for row in made["rows"]} >= {ROCKET, LASER}


def test_names_of_refused_texts_are_shown_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    refused = Refused(("a\u001b[2Jb", "電池"), "in_corpus", "m-1")
    print_extra(ExtraTexts((), (), {"in_corpus": 1}, (refused,)))
    shown = "refused: a\ufffd[2Jb, 電池: near duplicate of a text of the corpus (m-1)"
    assert shown in capsys.readouterr().out


def test_training_from_the_corpus_still_takes_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    from critech_training.commands import train as command

    seen: list[argparse.Namespace] = []
    monkeypatch.setattr(command, "_train", lambda args: seen.append(args) or 0)
    assert main(["train", "--out", "o", "--epochs", "1", "--name", "n", "--base", "b"]) == 0
    assert (seen[0].out, seen[0].epochs, seen[0].base) == (Path("o"), 1, "b")
