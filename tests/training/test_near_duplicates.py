"""Near duplicates: the same words, most of them, or one text inside another."""

import random

from hypothesis import given
from hypothesis import strategies as st
from marked_texts import filler

from critech_training.near_duplicates import ShingleIndex, shingles, words_only

TEXT = filler(random.Random(3), 60)


def test_words_are_letters_and_digits_in_lower_case() -> None:
    assert words_only(" A B,\n１２-c\u200b「電池」") == "ab12c電池"


@given(st.text(max_size=40))
def test_a_text_has_a_shingle_for_each_of_its_places(text: str) -> None:
    words = words_only(text)
    assert 1 <= len(shingles(words)) <= max(1, len(words) - 7)


def test_what_is_near_and_what_is_not() -> None:
    words = TEXT.split()
    index = ShingleIndex([TEXT, filler(random.Random(4), 60)])
    assert index.near(TEXT.upper()) == [0]
    assert index.near(" ".join(words[:40])) == [0]
    assert index.near(f"{filler(random.Random(5), 300)} {TEXT}") == [0]
    assert index.near(" ".join(words[:20]) + " " + filler(random.Random(6), 40)) == []
    assert index.near(filler(random.Random(7), 60)) == []


def test_texts_shorter_than_a_shingle_are_near_when_equal() -> None:
    index = ShingleIndex(["電池", "電"])
    assert index.near("電池。") == [0]
    assert index.near("池") == []
