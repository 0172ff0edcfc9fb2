"""What is read from a dump, before and apart from what is made of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from critech.text import Language


@dataclass(frozen=True)
class Position:
    """Where a record stands. ``source`` is the file as named in the input, members of an archive
    as ``archive.zip!member.xml``, standard input as ``-``; ``record`` counts from 0 within the
    source; ``line`` is the record's first line, from 1, in formats that have lines."""

    source: str
    record: int
    line: int | None = None


@dataclass(frozen=True)
class Record:
    """One document of a dump. ``text`` is the abstract or the product description."""

    position: Position
    text: str
    id: str | None = None
    title: str | None = None
    claims: str | None = None
    description: str | None = None
    language: Language | None = None
    ipc: tuple[str, ...] = ()
    filing_date: dt.date | None = None


@dataclass(frozen=True)
class Rejected:
    """A record that cannot be read: ``reason`` is a code (``not_json``, ``no_text``), ``message``
    a sentence that names the field and the limit and never holds text of the record."""

    position: Position
    reason: str
    message: str
    id: str | None = None
