"""What holds where corrections repeat, replace or contradict one another."""

import datetime as dt
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked_texts import LASER, NOON, ROCKET, correction, filler

from critech_training.settle import settle

ITEM, CATEGORY = "us-ecra-14:07.ii", "us-ecra-14:07"
CATEGORY_OF = {ROCKET: None, LASER: None, CATEGORY: None, ITEM: CATEGORY}
LATER = NOON + dt.timedelta(hours=1)
TEXT = filler(random.Random(1))
OTHER = filler(random.Random(2))


def test_a_right_and_a_wrong_label_of_one_text() -> None:
    documents, outcomes = settle(
        [correction(text=TEXT), correction(text=TEXT, label=LASER, judgement="wrong")], CATEGORY_OF
    )
    (document,) = documents
    assert document.judgements == {ROCKET: True, LASER: False}
    assert (document.text, document.language, document.names) == (TEXT, "en", {"A-1"})
    assert outcomes == ["used", "used"]


def test_spacing_case_and_width_do_not_make_another_text() -> None:
    documents, _ = settle(
        [
            correction(text=TEXT),
            correction(text=TEXT.upper().replace(" ", "\n "), id="B-2", time=LATER, title="T"),
        ],
        CATEGORY_OF,
    )
    (document,) = documents
    assert document.names == {"A-1", "B-2"}
    assert (document.text, document.title) == (TEXT.upper().replace(" ", "\n "), "T")


def test_a_correction_without_text_takes_that_of_its_document() -> None:
    documents, outcomes = settle(
        [
            correction(label=LASER, judgement="wrong"),
            correction(text=TEXT),
            correction(id="B-2"),
            correction(hmac="hmac-sha256:" + 64 * "a"),
        ],
        CATEGORY_OF,
    )
    assert [one.judgements for one in documents] == [{LASER: False, ROCKET: True}]
    assert outcomes == ["used", "used", "no_text", "no_text"]


def test_a_document_with_two_texts_lends_neither() -> None:
    documents, outcomes = settle(
        [correction(text=TEXT), correction(text=OTHER), correction(label=LASER)], CATEGORY_OF
    )
    assert len(documents) == 2
    assert outcomes == ["used", "used", "several_texts"]


def test_the_last_judgement_of_a_reviewer_counts_by_time_not_by_place() -> None:
    documents, outcomes = settle(
        [
            correction(text=TEXT, judgement="wrong", time=LATER),
            correction(text=TEXT, judgement="right", time=NOON),
        ],
        CATEGORY_OF,
    )
    assert documents[0].judgements == {ROCKET: False}
    assert outcomes == ["used", "superseded"]


def test_in_the_same_second_the_later_line_counts() -> None:
    documents, outcomes = settle(
        [correction(text=TEXT, judgement=one) for one in ("right", "wrong")], CATEGORY_OF
    )
    assert documents[0].judgements == {ROCKET: False}
    assert outcomes == ["superseded", "used"]


def test_reviewers_who_differ_leave_the_label_to_nobody() -> None:
    documents, outcomes = settle(
        [
            correction(text=TEXT, reviewer="e.1"),
            correction(text=TEXT, reviewer="e.2", judgement="wrong", time=LATER),
            correction(text=TEXT, reviewer="e.2", label=LASER),
        ],
        CATEGORY_OF,
    )
    assert documents[0].judgements == {LASER: True}
    assert documents[0].disputed == {ROCKET}
    assert outcomes == ["disputed", "disputed", "used"]


def test_reviewers_who_agree_are_both_used() -> None:
    documents, outcomes = settle(
        [correction(text=TEXT, reviewer=one) for one in ("e.1", "e.2")], CATEGORY_OF
    )
    assert documents[0].judgements == {ROCKET: True}
    assert outcomes == ["used", "used"]


def test_a_sub_item_that_applies_and_its_category_that_does_not() -> None:
    documents, outcomes = settle(
        [
            correction(text=TEXT, label=ITEM),
            correction(text=TEXT, label=CATEGORY, judgement="wrong"),
            correction(text=TEXT),
        ],
        CATEGORY_OF,
    )
    assert documents[0].judgements == {ROCKET: True}
    assert outcomes == ["category_conflict", "category_conflict", "used"]


@pytest.mark.parametrize(
    ("text", "language", "outcome"),
    [
        ("—!?…", None, "no_words"),
        ("двигатель с прямоточной камерой", None, "unsupported_language"),
        ("двигатель с прямоточной камерой", "en", "used"),
        ("固体電池の製造方法である。", None, "used"),
    ],
)
def test_texts_that_cannot_be_read(text: str, language: str | None, outcome: str) -> None:
    documents, outcomes = settle([correction(text=text, language=language)], CATEGORY_OF)
    assert outcomes == [outcome]
    assert len(documents) == (outcome == "used")


CORRECTIONS = st.builds(
    correction,
    label=st.sampled_from(list(CATEGORY_OF)),
    judgement=st.sampled_from(["right", "wrong"]),
    reviewer=st.sampled_from(["e.1", "e.2"]),
    time=st.sampled_from([NOON, LATER]),
    id=st.sampled_from(["A-1", "B-2"]),
    text=st.sampled_from([None, TEXT, OTHER, "!"]),
)


@given(st.lists(CORRECTIONS, max_size=8))
def test_every_correction_has_one_outcome_and_no_disputed_label_is_judged(found: list) -> None:
    documents, outcomes = settle(found, CATEGORY_OF)
    assert len(outcomes) == len(found)
    rows = Counter(row for one in documents for row in one.rows)
    assert set(rows.values()) <= {1}
    for document in documents:
        assert not set(document.judgements) & document.disputed
        used = {found[row].label for row in document.rows if outcomes[row] == "used"}
        assert used == set(document.judgements)
