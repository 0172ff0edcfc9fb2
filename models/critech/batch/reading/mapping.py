"""Which column of a table holds which field of a record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain

from critech.batch.reading.columns import FIELDS, SECOND_CHOICE, USUAL, plain_name
from critech.errors import InputError

MAX_NAMES = 30
_NAME = re.compile(r"[^\"'{}\[\]<>\\,;]{1,40}")
_IDENTIFIER = re.compile(r"[\w.-]{1,40}", re.ASCII)
_KNOWN = frozenset(chain(SECOND_CHOICE, *USUAL.values()))


@dataclass(frozen=True)
class FieldMapping:
    """Column names by field. None: guessed from the columns found. Empty: the field is not read."""

    id: str | None = None
    title: str | None = None
    text: str | None = None
    claims: str | None = None
    description: str | None = None
    language: str | None = None
    ipc: str | None = None
    filing_date: str | None = None

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> FieldMapping:
        """Return the mapping written as ``text=abstract`` and so on. Raises InputError for a pair
        without ``=``, an unknown field, a field given twice and a text that is not read."""
        given: dict[str, str] = {}
        for pair in pairs:
            name, equals, column = pair.partition("=")
            if not equals or name not in FIELDS:
                raise InputError("field", f"expected FIELD=COLUMN with one of {', '.join(FIELDS)}")
            if name in given:
                raise InputError("field", f"{name} is given twice")
            if name == "text" and not column:
                raise InputError("field", "text= reads none, and a record has to have a text")
            given[name] = column
        return cls(**given)

    def columns(self) -> dict[str, str]:
        """Return the column of each field that is read."""
        pairs = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: column for name, column in pairs if column}

    def unread(self) -> frozenset[str]:
        """Return the fields that are not to be read, other than the text."""
        return frozenset(n for n in FIELDS if getattr(self, n) == "" and n != "text")

    def __str__(self) -> str:
        return " ".join(f"{name}={_shown(column)}" for name, column in self.columns().items())


def resolve(
    mapping: FieldMapping, found: Sequence[str], source: str, *, all_found: bool = True
) -> FieldMapping:
    """Return the mapping with every guess made for the columns found in ``source``. Unless they are
    ``all_found``, a column that is given need not be among them.

    Raises InputError, naming the columns found, for a column that is not there or is there twice
    and where no column, or more than one, can be the text.
    """
    for name, column in mapping.columns().items():
        if column not in found and all_found:
            raise InputError(source, no_such_column(name, found))
        if found.count(column) > 1:
            raise InputError(source, f"more than one such column for {name}; {_found(found)}")
    taken = set(mapping.columns().values())
    guessed = {"text": mapping.text or _guess_text(mapping, found, taken, source)}
    taken.add(guessed["text"])
    for name in FIELDS:
        if getattr(mapping, name) is None and name != "text":
            guessed[name] = _first(USUAL[name], found, taken)
    return replace(mapping, **guessed)


def no_such_column(name: str, found: Sequence[str]) -> str:
    """Return the sentence on a column given for a field that is none of those found."""
    return f"no such column for {name}; {_found(found)}"


def unseen(mapping: FieldMapping, found: Sequence[str]) -> str:
    """Return the given fields whose columns are none of those found, as they are given; empty
    where there are none."""
    pairs = mapping.columns().items()
    return " ".join(f"{name}={_shown(column)}" for name, column in pairs if column not in found)


def _guess_text(mapping: FieldMapping, found: Sequence[str], taken: set[str], source: str) -> str:
    free = [column for column in found if column not in taken]
    usual = [column for column in free if plain_name(column) in USUAL["text"]]
    if len(usual) > 1:
        raise InputError(
            source, f"more than one column can be the text; {_found(usual)}; say --field text=NAME"
        )
    text = usual[0] if usual else _first(SECOND_CHOICE, found, taken)
    if not text:
        raise InputError(source, f"no column for the text; {_found(found)}; say --field text=NAME")
    return text


def _first(names: Sequence[str], found: Sequence[str], taken: set[str]) -> str:
    by_name: dict[str, str] = {}
    for column, count in Counter(found).items():
        if column not in taken and count == 1:
            by_name.setdefault(plain_name(column), column)
    return next((by_name[name] for name in names if name in by_name), "")


def _found(found: Sequence[str]) -> str:
    """Return the columns found as a piece of a message. A file without a header has text where the
    names should be: where no name is known, only what is written like a name is shown."""
    known = any(plain_name(column) in _KNOWN for column in found)
    shown = ", ".join(_shown(column, strict=not known) for column in found[:MAX_NAMES])
    more = f" and {len(found) - MAX_NAMES} more" if len(found) > MAX_NAMES else ""
    return f"columns found: {shown or 'none'}{more}"


def _shown(column: str, strict: bool = False) -> str:
    fits = (_IDENTIFIER if strict else _NAME).fullmatch(column)
    return column if fits and column.isprintable() else "(not shown)"
