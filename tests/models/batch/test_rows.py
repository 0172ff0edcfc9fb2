import dataclasses
import datetime as dt

import pytest

from critech import Classifier, Document
from critech.batch.columns import FLAT, flat_rows, flat_schema, nested_schema, titles_of
from critech.batch.records import Position, Record, Rejected
from critech.batch.rows import RowOptions, check_options, classify_each, classify_records
from critech.classifier import Options
from critech.errors import InputError, UnknownTaxonomyError
from critech.screening.filing import Filing
from critech.screening.screen import Screener

ENGINE = "An airbreathing engine with an isolator duct and a combustor with strut injectors."
RECORDS = [
    Record(
        Position("a.jsonl", 0, 1),
        ENGINE,
        id="A-1",
        title="Scramjet engine",
        claims="1. A scramjet engine with an isolator.",
        ipc=("F02K 7/14",),
        filing_date=dt.date(2026, 1, 31),
    ),
    Record(Position("a.jsonl", 1, 2), "光ファイバを介して秘密鍵を共有する量子鍵配送装置。"),
    Record(Position("b.csv", 0, 2), "A drawer hinge with a damper for a kitchen.", language="und"),
]


def test_rows_say_what_the_classifier_says(classifier: Classifier) -> None:
    rows = classify_records(classifier, RECORDS, RowOptions(top_k=None))
    documents = [Document(r.text, r.id, r.title) for r in RECORDS]
    found = classifier.classify(documents, Options(top_k=None))
    assert [row["id"] for row in rows] == ["A-1", None, None]
    assert [(row["source"], row["record"]) for row in rows] == [
        ("a.jsonl", 0),
        ("a.jsonl", 1),
        ("b.csv", 0),
    ]
    for row, result in zip(rows, found.results, strict=True):
        assert row["bundle"] == found.model.digest
        assert row["tokens_seen"] == result.tokens_seen
        shown = [label for t in row["taxonomies"] for label in t["labels"]]
        expected = [label for t in result.taxonomies for label in t.labels]
        assert [one["code"] for one in shown] == [one.code for one in expected]
        assert [one["score"] for one in shown] == [one.score for one in expected]
        assert [one["decision"] for one in shown] == [one.decision for one in expected]
        children = [(c["code"], c["score"]) for one in shown for c in one["children"]]
        assert children == [(c.code, c.score) for one in expected for c in one.children]


def test_a_row_depends_on_its_record_alone(classifier: Classifier) -> None:
    together = classify_records(classifier, RECORDS, RowOptions(screen=True))
    alone = [classify_records(classifier, [r], RowOptions(screen=True))[0] for r in RECORDS[::-1]]
    assert together == alone[::-1]


def test_flags_are_complete_whatever_is_shown(classifier: Classifier) -> None:
    cut = classify_records(classifier, RECORDS, RowOptions(top_k=1, min_score=0.99))[0]
    whole = classify_records(classifier, RECORDS, RowOptions(top_k=None))[0]
    assert cut["assigned"] + cut["possible"] == whole["assigned"] + whole["possible"] != []
    shown = {
        f"{t['id']}:{one['code']}": one["decision"]
        for t in whole["taxonomies"]
        for label in t["labels"]
        for one in [label, *label["children"]]
    }
    assert whole["assigned"] == [name for name in whole["assigned"] if shown[name] == "assigned"]
    assert {n for n, d in shown.items() if d == "possible"} == set(whole["possible"])
    one = classify_records(classifier, RECORDS, RowOptions(taxonomies=("jp-secret-patent-25",)))[0]
    assert {name.partition(":")[0] for name in one["assigned"] + one["possible"]} == {
        "jp-secret-patent-25"
    }


def test_screening_equals_that_of_the_filing(classifier: Classifier) -> None:
    rows = classify_records(classifier, RECORDS, RowOptions(screen=True))
    first = RECORDS[0]
    filing = Filing(
        title=first.title or "",
        abstract=first.text,
        claims=first.claims,
        ipc=first.ipc,
        filing_date=first.filing_date,
    )
    found = Screener(classifier).screen([filing], explain=False).results[0]
    assert rows[0]["screening"]["verdict"] == found.verdict
    assert rows[0]["screening"]["fields"] == [
        {"code": f.label.code, "outcome": f.standing.outcome} for f in found.fields
    ]
    assert [r["code"] for r in rows[0]["screening"]["reasons"]] == [
        r["code"] for r in found.reasons
    ]
    assert rows[1]["screening"]["verdict"] == "not_screened"
    assert rows[1]["screening"]["reasons"] == [{"code": "title_missing", "field": None}]


def test_one_bad_record_costs_one_record(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = dataclasses.replace(RECORDS[1], text=" -- ", id="E")
    found = classify_each(classifier, [RECORDS[0], empty, RECORDS[2]], RowOptions())
    assert [isinstance(one, Rejected) for one in found] == [False, True, False]
    assert found[1] == Rejected(
        empty.position, "no_text", "text: is empty: no letter, no digit", "E"
    )
    with pytest.raises(InputError):
        classify_records(classifier, [empty], RowOptions())

    def fail(*_: object) -> None:
        raise ValueError(ENGINE)

    monkeypatch.setattr(Classifier, "score_passages", fail)
    (failed,) = classify_each(classifier, RECORDS[:1], RowOptions())
    assert isinstance(failed, Rejected)
    assert (failed.reason, failed.message) == ("failed", "cannot be classified (ValueError)")


def test_an_unknown_taxonomy_is_told_at_once(classifier: Classifier) -> None:
    with pytest.raises(UnknownTaxonomyError):
        check_options(classifier, RowOptions(taxonomies=("x",)))
    with pytest.raises(UnknownTaxonomyError):
        classify_each(classifier, RECORDS, RowOptions(taxonomies=("x",)))


def test_both_layouts_fit_their_schemas(classifier: Classifier) -> None:
    pa = pytest.importorskip("pyarrow")
    rows = classify_records(classifier, RECORDS, RowOptions(top_k=None, screen=True))
    nested = pa.Table.from_pylist(rows, nested_schema())
    assert nested.to_pylist() == rows
    titles = titles_of(classifier.bundle.taxonomies)
    flat = [one for row in rows for one in flat_rows(row, titles)]
    assert pa.Table.from_pylist(flat, flat_schema()).to_pylist() == flat
    assert tuple(flat_schema().names) == FLAT
    for row in rows:
        mine = [f for f in flat if (f["source"], f["record"]) == (row["source"], row["record"])]
        flagged = {f["label"] for f in mine if f["label"]}
        assert flagged == {*row["assigned"], *row["possible"]}
        assert all(list(one) == list(FLAT) for one in mine)
        reasons = [(one["code"], one["field"]) for one in row["screening"]["reasons"]]
        told = " ".join(code if field is None else f"{code}:{field}" for code, field in reasons)
        assert {f["verdict_reasons"] for f in mine} == {told}
    hinge = [f for f in flat if f["source"] == "b.csv"]
    assert [(f["label"], f["score"], f["warnings"]) for f in hinge] == [
        (None, None, "distribution_unknown")
    ]
