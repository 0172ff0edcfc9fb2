"""Spans: exact offsets into the text as given, whatever it is made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from critech.passages import Passage, Section, split_spans
from critech.text import clean_text

PIECES = st.sampled_from(
    ["A gun. ", "ミサイルの誘導。", "\U0001f680 rocket, ", "ﾐｻｲﾙ", "ｅ\u0301", "ﬁssile ", "\u3000",
     "\n", "２３５Ｕ、", "㌔", "a\u200bb ", "e.g. 3.5 mm; ", "\ud800", "\u202eabc",
     "x" * 130 + ", "]
)  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=24).map("".join)


@given(TEXTS)
def test_spans_are_in_order_within_the_text_and_lose_no_letter(text: str) -> None:
    spans = split_spans(text)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    left = list(text)
    for start, end in spans:
        left[start:end] = " " * (end - start)
    assert not any(char.isalnum() for char in left)


@given(TEXTS, TEXTS)
def test_the_quote_is_what_the_offsets_say_and_leaving_it_out_leaves_the_rest(
    title: str, body: str
) -> None:
    passage = Passage((Section("title", title), Section("abstract", body)))
    given_texts = {"title": title, "abstract": body}
    for span in passage.spans():
        text = given_texts[span.section]
        assert passage.quote(span) == text[span.start : span.end]
        cut = {**given_texts, span.section: text[: span.start] + " " + text[span.end :]}
        rest = clean_text(cut["title"] + "\n" + cut["abstract"])
        assert passage.without(span) == (rest if any(c.isalnum() for c in rest) else "")


def test_sentences_in_both_languages() -> None:
    text = (
        "A seeker steers the missile. The handle, of wood, is red! 誘導弾である。赤い柄を有する。"
    )
    quotes = [text[start:end] for start, end in split_spans(text)]
    assert quotes == [
        "A seeker steers the missile.",
        "The handle, of wood, is red!",
        "誘導弾である。赤い柄を有する。",
    ]


def test_full_width_and_half_width_stops_end_a_sentence_and_decimals_do_not() -> None:
    text = (
        "口径は３．５ミリ，長さは二倍である．弾丸は鋼から成るものとする．"
        "赤い柄を有する道具である｡終わりの文がここになお続く"
    )
    assert [text[start:end] for start, end in split_spans(text)] == [
        "口径は３．５ミリ，長さは二倍である．",
        "弾丸は鋼から成るものとする．",
        "赤い柄を有する道具である｡",
        "終わりの文がここになお続く",
    ]


def test_a_text_of_one_sentence_is_cut_at_its_commas() -> None:
    text = "A railgun comprising two parallel rails, an armature between them, and a pulsed supply."
    assert [text[start:end] for start, end in split_spans(text)] == [
        "A railgun comprising two parallel rails,",
        "an armature between them,",
        "and a pulsed supply.",
    ]


def test_a_decimal_point_ends_no_sentence() -> None:
    text = "The layer is 3.5 mm thick and holds. A second layer of 1.2 mm lies below it."
    assert len(split_spans(text)) == 2


def test_nothing_readable_gives_no_span() -> None:
    assert split_spans(" -- ") == []
    assert split_spans("") == []
