"""``critech evaluate``: table, JSON, page, subsets and comparison."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from critech.cli import main
from critech_training.commands.evaluate import print_report
from critech_training.evaluate import GoldText, Scoring, by_label_frequency, subsets
from critech_training.metrics import Slice

GOLD = [
    {"id": "1", "title": "T", "text": "A torpedo tube door.", "labels": {"jp-critical-20:16": 2}},
    {"id": "2", "text": "固体電池。", "language": "ja", "labels": {"jp-critical-20:12": 2}},
    {"id": "3", "text": "A hinge.", "labels": {}},
]  # fmt: skip


def _arguments(gold: Path, bundle: Path) -> list[str]:
    """Write the three texts to ``gold`` and return the command line that evaluates on them."""
    gold.write_text("\n".join(json.dumps(row) for row in GOLD))
    return ["evaluate", "--gold", str(gold), "--bundle", str(bundle), "--min-positives", "1"]


def test_evaluate_prints_table_and_json(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = _arguments(tmp_path / "gold.jsonl", tiny_bundle)
    assert main(base) == 0
    assert "jp-critical-20" in capsys.readouterr().out
    assert main([*base, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["n_texts"] == 3
    part = report["taxonomies"]["jp-critical-20"]
    assert (part["n_positives"], part["n_labels_scored"], part["n_labels"]) == (2, 2, 20)
    assert set(part["metrics"]["mean_average_precision"]) == {"value", "low", "high"}
    assert report["taxonomies"]["us-ecra-14 (sub-items)"]["n_labels"] == 46
    languages = report["subsets"]["language"]
    assert {name: part["jp-critical-20"]["n_texts"] for name, part in languages.items()} == {
        "en": 2,
        "ja": 1,
    }
    assert report["labels"]["jp-critical-20"]["jp-critical-20:16"]["n_positives"] == 1
    assert "against" not in report


def test_evaluate_writes_a_page_that_stands_alone(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = _arguments(tmp_path / "gold <b>.jsonl", tiny_bundle)
    pages = []
    for name in ("one", "two"):
        folder = tmp_path / name
        assert main([*base, "--against", str(tiny_bundle), "--report", str(folder)]) == 0
        pages.append((folder / "report.html").read_bytes())
        report = json.loads((folder / "report.json").read_text())
    assert "difference to" in capsys.readouterr().out
    assert pages[0] == pages[1]
    page = pages[0].decode()
    assert "gold &lt;b&gt;.jsonl" in page
    assert page.count("<svg") >= 3
    assert not re.search(r"""(src|href)=["']?https?:""", re.sub(r"xlink:href=\"#", "", page))
    assert "torpedo" not in page
    for part in report["against"]["taxonomies"].values():
        for metric in part["metrics"].values():
            assert metric["value"] in (0.0, None)


def test_a_bundle_differs_from_its_equal_by_nothing(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    equal = shutil.copytree(tiny_bundle, tmp_path / "equal")
    base = [*_arguments(tmp_path / "gold.jsonl", tiny_bundle), "--json"]
    for other in (tiny_bundle, equal):
        assert main([*base, "--against", str(other)]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["against"]["bundle"] == report["bundle"]
        assert report["against"]["taxonomies"].keys() == report["taxonomies"].keys()
        for name, part in report["against"]["taxonomies"].items():
            for metric, found in part["metrics"].items():
                own = report["taxonomies"][name]["metrics"][metric]["value"]
                nothing = None if own is None else 0.0
                shown = (found["value"], found["low"], found["high"], found["share_above_zero"])
                assert shown == (nothing,) * 4, (name, metric)


def test_a_training_run_prints_its_held_out_report(
    tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((tiny_bundle / "metrics.json").read_text())
    print_report(report)
    printed = capsys.readouterr().out
    assert f"{report['n_texts']} texts" in printed
    assert "us-ecra-14" in printed


def test_evaluate_names_bad_options(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps(GOLD[0]))
    base = ["evaluate", "--gold", str(gold), "--bundle", str(tiny_bundle)]
    assert main([*base, "--min-positives", "0"]) == 1
    assert "--min-positives: must be 1 or more" in capsys.readouterr().err
    assert main([*base, "--report", str(gold)]) == 1
    assert "--report: is not a folder" in capsys.readouterr().err


def test_subsets_by_length_and_register_hold_every_text_once() -> None:
    texts = [GoldText(str(i), None, "x", {}, "en", r) for i, r in enumerate(("shop", None, "shop"))]
    scoring = Scoring({}, {}, ("en", "en", "en"), np.array([63, 64, 5000]))
    found = subsets(scoring, texts)
    assert "language" not in found
    assert {name: rows.tolist() for name, rows in found["register"].items()} == {
        "not given": [1],
        "shop": [0, 2],
    }
    assert {name: rows.tolist() for name, rows in found["length"].items()} == {
        "0 to 63 tokens": [0],
        "64 to 127 tokens": [1],
        "256 tokens or more": [2],
    }


def test_labels_are_grouped_by_their_positives_in_training() -> None:
    strengths = np.full((2, 3), 2, dtype=np.int8)
    decided = strengths == 2
    scoring = Scoring(
        {"t": Slice(strengths / 2.0, strengths, decided, decided)},
        {"t": ("t:a", "t:b", "t:c")},
        ("en", "en"),
        np.array([9, 9]),
    )
    counts = {"t:a": {"en": 59, "ja": 0}, "t:b": {"en": 30, "ja": 30}}
    found = by_label_frequency(scoring, counts, 1)
    assert {name: part["t"]["n_labels"] for name, part in found.items()} == {
        "0 to 59 positives": 2,
        "60 to 99 positives": 1,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "gold.jsonl:1: is not JSON"),
        ("[1]", "gold.jsonl:1: is not a JSON object"),
        ('{"id": "1", "text": "x"}', "gold.jsonl:1.labels: is missing"),
        (
            '{"id": "1", "text": 5, "labels": {}}',
            "gold.jsonl:1.text: is missing or of a wrong type",
        ),
        (
            '{"id": "1", "text": "x", "labels": {"us-ecra-14:77": 2}}',
            "unknown label",
        ),
        ('{"id": "1", "text": "x", "labels": {"us-ecra-14:07": 3}}', "must be 1 or 2"),
        ("", "holds no texts"),
    ],
)
def test_a_bad_gold_file_is_named(
    content: str,
    message: str,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text(content)
    assert main(["evaluate", "--gold", str(gold), "--bundle", str(tiny_bundle)]) == 1
    assert message in capsys.readouterr().err
    assert main(["evaluate", "--gold", str(tmp_path / "none")]) == 1
    assert "--gold: is not a file" in capsys.readouterr().err
