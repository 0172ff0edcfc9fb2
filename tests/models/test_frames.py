import datetime as dt
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from critech import Classifier, Document
from critech.classifier import Options
from critech.errors import InputError, UnknownTaxonomyError
from critech.frames import classify_frame

TEXTS = ["A scramjet engine with an isolator duct.", "量子鍵配送装置", "A drawer hinge."]
ROWS: list[dict[str, Any]] = [
    {"n": 3, "abstract": TEXTS[0], "title": "Engine", "ipc": ["F02K 7/14"], "lang": "en"},
    {"n": 1, "abstract": None, "title": None, "ipc": None, "lang": None},
    {"n": 2, "abstract": TEXTS[1], "title": None, "ipc": [], "lang": None},
    {"n": 4, "abstract": " ", "title": "Blank", "ipc": None, "lang": None},
    {"n": 9, "abstract": TEXTS[2], "title": "Hinge", "ipc": None, "lang": "en"},
]
COLUMNS = {"id": "n", "title": "title", "ipc": "ipc", "language": "lang"}


def frames() -> list[Any]:
    table = pa.Table.from_pylist(ROWS)
    batch = table.to_batches()[0]
    return [pd.DataFrame(ROWS, index=list("abcde")), pl.DataFrame(ROWS), table, batch]


def rows(frame: Any) -> list[dict[str, Any]]:
    if isinstance(frame, pd.DataFrame):
        frame = pa.Table.from_pandas(frame, preserve_index=False)
    return frame.to_dicts() if isinstance(frame, pl.DataFrame) else frame.to_pylist()


@pytest.mark.parametrize("frame", frames(), ids=lambda frame: type(frame).__name__)
def test_every_kind_of_frame_gives_the_same(classifier: Classifier, frame: Any) -> None:
    found = classify_frame(classifier, frame, screen=True, **COLUMNS)
    expected = classify_frame(classifier, frames()[2], screen=True, **COLUMNS)
    assert isinstance(expected, pa.Table)
    assert type(found) is (pa.Table if isinstance(frame, pa.RecordBatch) else type(frame))
    if isinstance(found, pd.DataFrame):
        assert list(found.index) == list("abcde")
        assert list(found.columns) == expected.column_names
    assert rows(found) == rows(expected)


def test_rows_are_what_the_classifier_says(classifier: Classifier) -> None:
    found = rows(classify_frame(classifier, frames()[2], top_k=None, screen=True, **COLUMNS))
    assert [row["id"] for row in found] == ["3", "1", "2", "4", "9"]
    assert [row["error"] for row in found] == [None, "no_text", None, "no_text", None]
    assert found[0]["screening"]["verdict"] == "review"
    assert found[2]["screening"]["verdict"] == "not_screened"
    wrong = {key for key, value in found[1].items() if value is not None}
    assert wrong == {"id", "error", "error_message"}
    documents = [
        Document(row["abstract"], title=row["title"]) for row in ROWS if row["n"] in {3, 9}
    ]
    results = classifier.classify(documents, Options(top_k=None)).results
    for row, result in zip((found[0], found[4]), results, strict=True):
        shown = [(t["id"], x["code"], x["score"]) for t in row["taxonomies"] for x in t["labels"]]
        assert shown == [(t.id, x.code, x.score) for t in result.taxonomies for x in t.labels]


def test_cells_of_every_kind_cost_no_more_than_their_row(classifier: Classifier) -> None:
    frame = pd.DataFrame(
        {
            "abstract": [TEXTS[0], 5, float("nan"), pd.NA, "x" * 500_001, TEXTS[2], TEXTS[2]],
            "id": [1.0, None, 3.0, 4.0, 5.0, 6.5, 7.0],
            "date": [pd.Timestamp(2026, 1, 31), pd.NaT, *[None] * 5],
        }
    )
    found = classify_frame(classifier, frame, id="id", filing_date="date", screen=True)
    assert [None if pd.isna(error) else error for error in found["error"]] == [
        None, "bad_type", "no_text", "no_text", "text_too_long", "bad_type", None,
    ]  # fmt: skip
    assert found["id"].tolist()[0] == "1"
    assert str(found["tokens_seen"].dtype) == "Int64"


def test_a_date_is_read(classifier: Classifier) -> None:
    frame = pl.DataFrame({"a": [TEXTS[0]], "t": ["Engine"], "d": [dt.date(9999, 1, 1)]})
    (row,) = rows(classify_frame(classifier, frame, "a", title="t", filing_date="d", screen=True))
    assert row["screening"]["reasons"] == [{"code": "filing_date_out_of_range", "field": None}]


def test_more_rows_than_a_block_and_none(classifier: Classifier) -> None:
    table = pa.table({"abstract": ["", TEXTS[0]] * 140})
    found = classify_frame(classifier, table, taxonomies=["us-ecra-14"], top_k=1)
    assert found.num_rows == 280
    assert found.column("error").to_pylist() == ["no_text", None] * 140
    assert [t["id"] for t in found.column("taxonomies")[279].as_py()] == ["us-ecra-14"]
    empty = classify_frame(classifier, table.slice(0, 0))
    assert (empty.num_rows, empty.schema) == (0, found.schema)


def test_what_cannot_be_read_is_told(classifier: Classifier) -> None:
    with pytest.raises(InputError, match=r"^title: .*lacks"):
        classify_frame(classifier, frames()[0], title="none")
    twice = pd.DataFrame([["a", "b"]], columns=["abstract", "abstract"])
    with pytest.raises(InputError, match="more than once"):
        classify_frame(classifier, twice)
    with pytest.raises(UnknownTaxonomyError):
        classify_frame(classifier, frames()[0], taxonomies=["no-such-list"])
    with pytest.raises(TypeError, match=r"polars\.LazyFrame"):
        classify_frame(classifier, frames()[1].lazy())
