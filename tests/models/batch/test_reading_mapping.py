"""Which column is which field."""

from __future__ import annotations

import pytest

from critech.batch.reading.mapping import FieldMapping, resolve
from critech.errors import InputError


def guess(*found: str, **given: str) -> dict[str, str]:
    return resolve(FieldMapping(**given), found, "x.csv").columns()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (("id", "text"), {"id": "id", "text": "text"}),
        (
            ("Publication Number", "Title", "Abstract", "First Claim", "IPC Codes", "Filing_Date"),
            {
                "id": "Publication Number",
                "title": "Title",
                "text": "Abstract",
                "ipc": "IPC Codes",
                "filing_date": "Filing_Date",
            },
        ),
        (
            ("公開番号", "発明の名称", "要約", "請求項", "国際特許分類", "出願日", "明細書"),
            {
                "id": "公開番号",
                "title": "発明の名称",
                "text": "要約",
                "claims": "請求項",
                "description": "明細書",
                "ipc": "国際特許分類",
                "filing_date": "出願日",
            },
        ),
        (("ＡＢＳＴＲＡＣＴ", "LANG"), {"text": "ＡＢＳＴＲＡＣＴ", "language": "LANG"}),
        (("sku", "product_description"), {"text": "product_description"}),
        (("description", "title"), {"text": "description", "title": "title"}),
        (("description", "abstract"), {"text": "abstract", "description": "description"}),
        (("patent_id", "application_number", "text"), {"id": "patent_id", "text": "text"}),
    ],
)
def test_usual_names_are_guessed(found: tuple[str, ...], expected: dict[str, str]) -> None:
    assert guess(*found) == expected


def test_a_given_column_goes_before_the_guess_and_an_empty_one_reads_nothing() -> None:
    found = ("id", "abstract", "body", "title")
    assert guess(*found, text="body", title="") == {"id": "id", "text": "body"}


@pytest.mark.parametrize(
    "found", [("abstract", "text"), ("Abstract", "ABSTRACT"), ("要約", "text")]
)
def test_two_columns_for_the_text_are_an_error_that_names_them(found: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=f"columns found: {', '.join(found)}"):
        guess("id", *found)


def test_no_column_for_the_text_is_an_error_that_names_the_columns() -> None:
    with pytest.raises(InputError, match=r"columns found: id, name; say --field text=NAME"):
        guess("id", "name")


def test_a_column_that_does_not_exist_is_an_error_that_names_the_columns() -> None:
    with pytest.raises(
        InputError, match=r"x.csv: no such column for text; columns found: id, text"
    ):
        guess("id", "text", text="body")


def test_a_given_column_that_is_there_twice_is_an_error() -> None:
    with pytest.raises(InputError, match="more than one such column for text"):
        guess("text", "text", text="text")


def test_a_file_without_a_header_does_not_reach_the_message() -> None:
    sentence = "An unpublished invention, here in the place of a column name, is not shown."
    with pytest.raises(InputError) as caught:
        guess("A-1", sentence)
    assert "unpublished" not in str(caught.value)


def test_pairs_are_parsed() -> None:
    assert FieldMapping.parse(["text=a=b", "id="]) == FieldMapping(text="a=b", id="")


@pytest.mark.parametrize(
    "pairs", [["text"], ["abstract=x"], ["text=a", "text=b"], ["=a"], ["text="]]
)
def test_bad_pairs_are_refused(pairs: list[str]) -> None:
    with pytest.raises(InputError, match=r"^field: "):
        FieldMapping.parse(pairs)
