"""Sections as given, the passages made of them, and spans with exact character offsets.

Offsets are Unicode code points into a section as the caller gave it, whatever cleaning does to the
text that the encoder reads: a span is cut out of the section, and the rest is cleaned again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from critech.text import clean_text, is_readable

LONG_SPAN = 240
SHORT_SPAN = 12
_SENTENCE_END = re.compile(r"(?<=[。｡！？；\n])|(?<=．)(?![0-9０-９])|(?<=[.!?;])(?=\s)")
_CLAUSE_END = re.compile(r"(?<=[、，：])|(?<=[,:])(?=\s)")


@dataclass(frozen=True)
class Section:
    """A named part of a document, as given."""

    name: str
    text: str


@dataclass(frozen=True)
class Span:
    """Code points ``start`` to ``end`` of a section's text."""

    section: str
    start: int
    end: int


@dataclass(frozen=True)
class Passage:
    """Sections that are read together as one text."""

    sections: tuple[Section, ...]

    def text(self) -> str:
        """Return the cleaned text that is embedded."""
        return clean_text("\n".join(section.text for section in self.sections))

    def without(self, span: Span) -> str:
        """Return the cleaned text with a span left out; empty when nothing readable is left."""
        parts = [
            section.text[: span.start] + " " + section.text[span.end :]
            if section.name == span.section
            else section.text
            for section in self.sections
        ]
        rest = clean_text("\n".join(parts))
        return rest if is_readable(rest) else ""

    def until(self, span: Span) -> Passage:
        """Return the passage cut off behind a span."""
        kept: list[Section] = []
        for section in self.sections:
            if section.name == span.section:
                return Passage((*kept, Section(section.name, section.text[: span.end])))
            kept.append(section)
        return self

    def quote(self, span: Span) -> str:
        """Return the characters of a span, as given."""
        text = next(section.text for section in self.sections if section.name == span.section)
        return text[span.start : span.end]

    def spans(self) -> list[Span]:
        """Return the sentences and long clauses of all sections, in order, without overlap."""
        return [
            Span(section.name, start, end)
            for section in self.sections
            for start, end in split_spans(section.text)
        ]


def split_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of the sentences of a text, white space around them left out.

    A sentence longer than ``LONG_SPAN`` characters is cut at its commas, as is a text of one
    sentence; pieces shorter than ``SHORT_SPAN`` stay with their neighbour.
    """
    sentences = list(_cut(text, 0, len(text), _SENTENCE_END))
    alone = len(sentences) == 1
    pieces: list[tuple[int, int]] = []
    for start, end in sentences:
        long_one = alone or end - start > LONG_SPAN
        pieces += _cut(text, start, end, _CLAUSE_END) if long_one else [(start, end)]
    return list(_trimmed(text, pieces))


def _cut(text: str, start: int, end: int, border: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Yield the pieces between borders; a short piece is joined to the one after it, and the last
    one, when short, to the one before."""
    edges = [m.start() for m in border.finditer(text, start, end) if start < m.start() < end]
    pieces: list[tuple[int, int]] = []
    at = start
    for edge in [*edges, end]:
        if edge - at >= SHORT_SPAN or (edge == end and not pieces):
            pieces.append((at, edge))
            at = edge
        elif edge == end:
            pieces[-1] = (pieces[-1][0], end)
    yield from pieces


def _trimmed(text: str, pieces: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in pieces:
        piece = text[start:end]
        left = len(piece) - len(piece.lstrip())
        right = len(piece.rstrip())
        if is_readable(piece):
            yield start + left, start + right
