import json
from pathlib import Path

import numpy as np
import pytest

from critech.cli import main
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.corpus import Record, default_corpus_dir, load_corpus
from critech_training.crossval import assign_folds, cross_validate, suspects

LABEL = "jp-critical-20:05"


def _record(i: int, source: str, labels: dict[str, int], pair_of: str | None = None) -> Record:
    return Record(f"{source}-{i:04}", "en", "abstract", "pos", None, "text", labels, pair_of)


def _separable(n_texts: int = 120) -> tuple[list[Record], np.ndarray, list[tuple[int, ...]]]:
    """Texts of four sources; a third carries a label that one coordinate and one token tell."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(n_texts, 8)).astype(np.float32)
    positive = np.arange(n_texts) % 3 == 0
    vectors[:, 0] = np.where(positive, 4.0, -4.0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    records = [_record(i, f"s{i % 4}", {LABEL: 2} if positive[i] else {}) for i in range(n_texts)]
    return records, vectors, [(7, 8) if p else (9, 10) for p in positive]


def test_no_group_is_in_two_folds_and_folds_are_even() -> None:
    order = label_order(load_taxonomies().values())
    records = load_corpus(default_corpus_dir(), order)
    for names in ([one.source for one in records], [one.group for one in records]):
        folds = assign_folds(names, 5)
        seen: dict[str, set[int]] = {}
        for name, fold in zip(names, folds, strict=True):
            seen.setdefault(name, set()).add(fold)
        assert all(len(found) == 1 for found in seen.values())
        sizes = np.bincount(folds, minlength=5)
        assert sizes.min() > 0.9 * sizes.max()


def test_translations_share_the_source_of_their_original() -> None:
    translation = _record(2, "other", {}, pair_of="one-0001")
    assert translation.source == "one"


def test_fewer_groups_than_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="1 groups cannot fill 2 folds"):
        assign_folds(["a", "a"], 2)


def test_out_of_fold_scores_find_what_can_be_learned_and_do_not_see_their_own_label() -> None:
    records, vectors, tokens = _separable()
    taxonomies = list(load_taxonomies().values())
    order = label_order(taxonomies)
    column = order.index(LABEL)
    found = cross_validate(records, vectors, tokens, taxonomies, n_folds=4, threads=1)
    positive = np.array([LABEL in record.labels for record in records])
    assert found.scores[positive, column].min() > found.scores[~positive, column].max()
    turned = [*records]
    turned[0] = _record(0, "s0", {})
    again = cross_validate(turned, vectors, tokens, taxonomies, n_folds=4, threads=1)
    assert again.scores[0, column] > found.scores[~positive, column].max()
    least = suspects(turned, again.scores, order)[0]
    assert (least["id"], least["label"], least["strength"]) == ("s0-0000", LABEL, 0)


def test_the_command_prints_sample_sizes_and_writes_suspects(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = label_order(load_taxonomies().values())
    chosen = load_corpus(default_corpus_dir(), order)[::90]
    rows = [{**vars(record), "pair_of": None} for record in chosen]
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "part.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["cross-validate", "--bundle", str(tiny_bundle), "--corpus", str(corpus)]
    out = tmp_path / "suspects.jsonl"
    arguments += ["--cache", str(tmp_path / "cache")]
    assert main([*arguments, "--folds", "3", "--suspects", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert main([*arguments, "--folds", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == report
    assert report["n_texts"] == len(rows)
    assert report["taxonomies"]["jp-critical-20"]["n_texts"] == len(rows)
    for line in out.read_text().splitlines():
        assert json.loads(line)["strength"] in (0, 2)
    assert main([*arguments, "--folds", "1"]) == 1
    assert "--folds" in capsys.readouterr().err
