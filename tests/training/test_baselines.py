"""The baselines: same corpus, same calibration, only the ranking is theirs."""

import json
from pathlib import Path

import numpy as np
import pytest

from critech.cli import main
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.baselines import keyword_rules, label_similarity, tfidf_logistic_regression
from critech_training.corpus import Record

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
def test_baselines_stand_in_the_report(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from critech_training import baselines

    monkeypatch.setattr(baselines, "METHODS", {"keyword-rules": baselines.keyword_rules})
    gold = tmp_path / "gold.jsonl"
    gold.write_text(
        "\n".join(
            json.dumps({"id": str(i), "text": text, "labels": {"jp-secret-patent-25:10": 2}})
            for i, text in enumerate(TEXTS[:2])
        )
    )
    folder = tmp_path / "report"
    argv = ["evaluate", "--gold", str(gold), "--bundle", str(tiny_bundle), "--min-positives", "1"]
    assert main([*argv, "--baselines", "--report", str(folder)]) == 0
    report = json.loads((folder / "report.json").read_text())
    metrics = report["baselines"]["keyword-rules"]["jp-secret-patent-25"]["metrics"]
    assert metrics["mean_average_precision"]["value"] == 1.0
    assert "keyword-rules" in (folder / "report.html").read_text()
