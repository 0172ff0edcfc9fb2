"""The baselines: same corpus, same calibration, only the ranking is theirs."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from critech.cli import main
from critech.errors import InputError
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.baselines import keyword_rules, label_similarity, tfidf_logistic_regression
from critech_training.corpus import Record, default_corpus_dir, load_corpus
from critech_training.external_baselines import SETFIT_EXAMPLES, _few_of_each, annif_ensemble

TAXONOMIES = list(load_taxonomies().values())
ORDER = label_order(TAXONOMIES)
SCRAMJET = ORDER.index("jp-secret-patent-25:10")
TEXTS = [
    "A scramjet with supersonic combustion behind an isolator.",
    "超音速燃焼を行うスクラムジェットエンジン。",
    "A wooden chair with a folding back.",
]


def test_keyword_rules_count_terms_in_both_languages() -> None:
    counts = keyword_rules(TAXONOMIES, [], [TEXTS, []])
    assert counts[0][:, SCRAMJET].tolist()[2] == 0
    assert (counts[0][:2, SCRAMJET] >= 2).all()
    assert counts[1].shape == (0, len(ORDER))


def test_keyword_rules_take_whole_english_words() -> None:
    (counts,) = keyword_rules(TAXONOMIES, [], [["an unscramjetted thing", "two scramjets"]])
    assert counts[:, SCRAMJET].tolist() == [0, 1]


def _record(number: int, text: str, labels: dict[str, int]) -> Record:
    return Record(f"r-{number}", "en", "abstract", "pos", None, text, labels)


def test_tfidf_learns_from_the_corpus_alone() -> None:
    label = {"jp-secret-patent-25:10": 2}
    fit = [_record(i, f"supersonic scramjet burner {i}", label) for i in range(6)]
    fit += [_record(9 + i, f"wooden chair with a back {i}", {}) for i in range(6)]
    (margins,) = tfidf_logistic_regression(TAXONOMIES, fit, [["a scramjet", "a wooden chair"]])
    assert margins.shape == (2, len(ORDER))
    assert margins[0, SCRAMJET] > margins[1, SCRAMJET]
    assert (margins[:, ORDER.index("jp-secret-patent-25:22")] == -9.0).all()


def test_label_similarity_ranks_by_meaning() -> None:
    cosines, _ = label_similarity(TAXONOMIES, [], [TEXTS, TEXTS[:1]])
    fields = [i for i, label in enumerate(ORDER) if label.startswith("jp-secret-patent-25")]
    for row in (0, 1):
        ranked = sorted(fields, key=lambda j: -cosines[row, j])
        assert SCRAMJET in ranked[:5]
    assert np.abs(cosines).max() <= 1.0


@pytest.mark.slow
def test_baselines_stand_in_one_table_with_the_bundle(
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = load_corpus(default_corpus_dir(), ORDER)[::20]  # enough to calibrate on
    monkeypatch.setattr("critech_training.commands.evaluate.load_corpus", lambda *_: few)
    gold = tmp_path / "gold.jsonl"
    gold.write_text(
        "\n".join(
            json.dumps({"id": str(i), "text": text, "labels": {"jp-secret-patent-25:10": 2}})
            for i, text in enumerate(TEXTS[:2])
        )
    )
    folder = tmp_path / "report"
    argv = ["evaluate", "--gold", str(gold), "--bundle", str(tiny_bundle), "--min-positives", "1"]
    argv += ["--baselines", "keyword-rules", "--markdown"]
    assert main([*argv, "--report", str(folder)]) == 0
    report = json.loads((folder / "report.json").read_text())
    metrics = report["baselines"]["keyword-rules"]["jp-secret-patent-25"]["metrics"]
    assert metrics["mean_average_precision"]["value"] == 1.0
    version = report["bundle"]["version"]
    header, _, *rows = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in capsys.readouterr().out.splitlines()
    )
    assert header[:3] == ["taxonomy", "method", "labels scored"]
    methods = [f"{report['bundle']['bundle']} {version}", "keyword-rules"]
    assert [row[:2] for row in rows] == [[t, m] for t in report["taxonomies"] for m in methods]
    own = rows.index(next(row for row in rows if row[0] == "jp-secret-patent-25"))
    assert rows[own + 1][4].startswith("1.00")
    page = (folder / "report.html").read_text()
    assert page.index(f"<td>{methods[0]}</td>") < page.index("<td>keyword-rules</td>")


def test_an_unknown_baseline_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps({"id": "1", "text": "a scramjet", "labels": {}}))
    assert main(["evaluate", "--gold", str(gold), "--baselines", "oracle"]) == 1
    message = capsys.readouterr().err
    assert "'oracle'" in message
    assert "setfit" in message


def test_setfit_gets_a_few_english_texts_of_each_label() -> None:
    label = {"jp-secret-patent-25:10": 2}
    records = [_record(i, f"burner {i}", label) for i in range(20)]
    records += [_record(99, "a chair", {"jp-secret-patent-25:10": 1})]
    records += [dataclasses.replace(records[0], id="r-100", language="ja")]
    texts, y = _few_of_each(records, ORDER)
    assert texts == [f"burner {i}" for i in range(SETFIT_EXAMPLES)]
    assert y[:, SCRAMJET].all()
    assert y.sum() == SETFIT_EXAMPLES


FAKE_ANNIF = """#!{python}
import pathlib, sys
arguments = sys.argv[1:]
log = pathlib.Path("{log}")
log.write_text((log.read_text() if log.exists() else "") + " ".join(arguments[:2]) + "\\n")
if arguments[0] == "load-vocab":
    assert "urn:critech:jp-secret-patent-25:10" in pathlib.Path(arguments[2]).read_text()
if arguments[0] == "train":
    rows = pathlib.Path(arguments[2]).read_text().splitlines()
    if not rows:
        sys.exit("nothing to train on")
    assert rows == ["a scramjet\\t<urn:critech:jp-secret-patent-25:10>"], rows
if arguments[0] == "index":
    for path in pathlib.Path(arguments[2]).glob("*.txt"):
        path.with_suffix(".annif").write_text(
            "<urn:critech:jp-secret-patent-25:10>\\tScramjets\\t10\\t0.75\\n<urn:x>\\tother\\t0.5\\n"
        )
"""


def test_annif_is_run_as_a_command_and_reads_english_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    command = tmp_path / "annif"
    command.write_text(FAKE_ANNIF.format(python=sys.executable, log=log))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    fit = [_record(1, "a\n scramjet", {"jp-secret-patent-25:10": 2}), _record(2, "a chair", {})]
    (scores,) = annif_ensemble(TAXONOMIES, fit, [TEXTS])
    assert scores[:, SCRAMJET].tolist() == [0.75, 0.0, 0.75]  # the second text is Japanese
    assert scores.sum() == 1.5
    assert log.read_text().splitlines() == [
        "load-vocab critech",
        "train tfidf",
        "train mllm",
        "index ensemble",
    ]
    with pytest.raises(InputError, match="annif train failed: nothing to train on"):
        annif_ensemble(TAXONOMIES, [], [TEXTS])
    command.unlink()
    with pytest.raises(InputError, match="not on the PATH"):
        annif_ensemble(TAXONOMIES, fit, [TEXTS])
