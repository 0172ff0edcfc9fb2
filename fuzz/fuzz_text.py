"""Target: cleaning of text, its language by script, and spans with their offsets."""

from __future__ import annotations

import unicodedata

from critech.passages import Passage, Section
from critech.text import clean_text, compose_document, detect_language

MAX_BYTES = 4_000


def one_input(data: bytes) -> None:
    """Check one input: a title and a text with a zero byte between them, or a text alone."""
    title, _, text = data.decode(errors="surrogateescape").rpartition("\0")
    check_cleaning(text)
    assert compose_document(title, text) == clean_text(f"{title}\n{text}")
    check_spans(Passage((Section("title", title), Section("text", text))))


def check_cleaning(text: str) -> None:
    """Cleaned text is stable, in NFKC, single-spaced, printable as UTF-8 and of one language."""
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned, "cleaning twice differs"
    assert unicodedata.is_normalized("NFKC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert not {"Cc", "Cf", "Cs"} & {unicodedata.category(char) for char in cleaned}
    cleaned.encode()
    assert detect_language(cleaned) in ("en", "ja", "und")
    if any(char.isalnum() for char in text):
        assert any(char.isalnum() for char in cleaned), "readable text becomes unreadable"


def check_spans(passage: Passage) -> None:
    """Spans lie in their section, in order, apart, and quote it to the letter; no letter of the
    text is in none of them; what is left without one is clean."""
    for section in passage.sections:
        spans = [span for span in passage.spans() if span.section == section.name]
        at, between = 0, []
        for span in spans:
            assert at <= span.start < span.end <= len(section.text)
            quote = passage.quote(span)
            assert quote == section.text[span.start : span.end] == quote.strip()
            assert any(char.isalnum() for char in quote), "a span that says nothing"
            rest = passage.without(span)
            assert rest == clean_text(rest)
            assert passage.until(span).sections[-1].text.endswith(quote)
            between.append(section.text[at : span.start])
            at = span.end
        between.append(section.text[at:])
        assert not any(char.isalnum() for char in "".join(between)), "text outside of all spans"
