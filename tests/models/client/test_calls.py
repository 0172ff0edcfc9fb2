"""Requests, without any network."""

import datetime as dt
import json
from typing import Any

import pytest

from critech import Document
from critech.client.calls import Wanted, classify_call, screen_call
from critech.screening.filing import Filing

SINGLE = ["laser", b"laser", {"text": "laser"}, Document("laser"), None]


@pytest.mark.parametrize("single", SINGLE, ids=repr)
def test_a_single_document_is_not_taken_apart(single: Any) -> None:
    kind = type(single).__name__
    with pytest.raises(TypeError, match=f"documents: expected an iterable of .*, got {kind}; a si"):
        classify_call(single, Wanted())


@pytest.mark.parametrize("single", ["laser", {"title": "Door"}, Filing("Door", "A door.")], ids=str)
def test_a_single_filing_is_not_taken_apart(single: Any) -> None:
    kind = type(single).__name__
    with pytest.raises(TypeError, match=f"filings: expected an iterable of .*, got {kind}; a sing"):
        screen_call(single, True, None)


@pytest.mark.parametrize("wrong", [None, 1, b"laser", Document, dt.date(2026, 1, 1)], ids=repr)
def test_what_is_of_another_type_is_named(wrong: Any) -> None:
    expected = f"expected a text, a mapping, a Document or a Filing, got {type(wrong).__name__}"
    with pytest.raises(TypeError, match=rf"documents\[1\]: {expected}"):
        classify_call(["laser", wrong], Wanted())
    with pytest.raises(TypeError, match=rf"filings\[0\]: {expected}"):
        screen_call([wrong], True, None)


def test_documents_of_every_kind_are_sent() -> None:
    body = classify_call(iter(["a", {"text": "b", "x": 1}, Document("c", id="C")]), Wanted()).body
    assert json.loads(body or b"")["documents"] == [
        {"text": "a"},
        {"text": "b", "x": 1},
        {"text": "c", "id": "C"},
    ]
