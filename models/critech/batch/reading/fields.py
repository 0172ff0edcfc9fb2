"""From the raw values of a row to a record, or to the reason why it is none."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

from critech.batch.reading.limits import Limits
from critech.batch.records import Position, Record, Rejected

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DATES = (
    re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T ].*)?", re.ASCII | re.DOTALL),
    re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?", re.ASCII | re.DOTALL),
    re.compile(r"(\d{4}|(?:令和|平成|昭和)(?:\d{1,2}|元))年(\d{1,2})月(\d{1,2})日", re.ASCII),
)
_BAD_DATE = (
    "filing_date: expected a date as YYYY-MM-DD, YYYYMMDD or YYYY年M月D日; --field filing_date= "
    "leaves the column out"
)
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}  # the year before the first
_BETWEEN_SYMBOLS = re.compile(r"[;,|\n\u3001]")
_LANGUAGES: dict[str, Literal["en", "ja"]] = {
    **dict.fromkeys(("en", "eng", "english"), "en"),
    **dict.fromkeys(("ja", "jp", "jpn", "japanese", "日本語"), "ja"),
}


class BadRecordError(Exception):
    """A record cannot be used: the code and the sentence of its rejection."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def to_record(row: Mapping[str, object], position: Position, limits: Limits) -> Record | Rejected:
    """Return the record made of the values by field name, or why there is none."""
    name = None
    row = {field: _without_gaps(value) for field, value in row.items()}
    try:
        name = _id(row.get("id"), limits)
        text = _text(row, "text", limits.text_chars)
        if text is None:
            raise BadRecordError("no_text", "text: missing or blank")
        return Record(
            position,
            text,
            name,
            _text(row, "title", limits.title_chars),
            _text(row, "claims"),
            _text(row, "description"),
            language_of(row.get("language")),
            _symbols(row.get("ipc"), limits),
            _date(row.get("filing_date")),
        )
    except BadRecordError as error:
        return Rejected(position, error.reason, error.message, name)


def language_of(value: object) -> Literal["en", "ja"] | None:
    """Return the language that a code or name stands for, None for any other."""
    if not isinstance(value, str):
        return None
    code = value.strip().casefold()
    return _LANGUAGES.get(code) or _LANGUAGES.get(re.split("[-_]", code)[0])


def date_of(value: str) -> dt.date | None:
    """Return the date written as ``20240131``, ``2024-01-31``, ``2024/1/31``, with a time after it,
    ``2024年1月31日`` or ``令和6年1月31日``; None for any other."""
    text = unicodedata.normalize("NFKC", value.strip())
    match = next((found for one in _DATES if (found := one.fullmatch(text))), None)
    if match is None:
        return None
    try:
        return dt.date(_year(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def _year(text: str) -> int:
    before = _ERAS.get(text[:2])
    if before is None:
        return int(text)
    return before + (1 if text[2:] == "元" else int(text[2:]))


def _without_gaps(value: object) -> object:
    """Return a value with what nulls beside it have made of it undone, as in tables that pandas
    writes: a whole number that became a float as the number, and not-a-number as None."""
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else None if math.isnan(value) else value


def _clean(text: str) -> str:
    """Return the text without lone surrogates, which no file can hold."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _id(value: object, limits: Limits) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if value.bit_length() < limits.id_chars else "9" * (limits.id_chars + 1)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadRecordError("bad_type", "id: expected a string or an integer")
    if len(value) > limits.id_chars:
        raise BadRecordError("id_too_long", f"id: longer than {limits.id_chars} characters")
    return _clean(value)


def _text(row: Mapping[str, object], field: str, most: int | None = None) -> str | None:
    value = row.get(field)
    if isinstance(value, list) and field in ("claims", "description"):
        value = _joined(value, field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRecordError("bad_type", f"{field}: expected a string")
    if not value.strip():
        return None
    if most is not None and len(value) > most:
        raise BadRecordError(f"{field}_too_long", f"{field}: longer than {most} characters")
    return _clean(value)


def _joined(values: list[object], field: str) -> str:
    parts = [value for value in values if isinstance(value, str)]
    if len(parts) < len(values):
        raise BadRecordError("bad_type", f"{field}: expected strings in the list")
    return "\n".join(parts)


def _symbols(value: object, limits: Limits) -> tuple[str, ...]:
    if value is None:
        return ()
    pieces = _BETWEEN_SYMBOLS.split(value) if isinstance(value, str) else value
    if not isinstance(pieces, list | tuple):
        raise BadRecordError("bad_type", "ipc: expected a string or a list of strings")
    if any(not isinstance(piece, str) for piece in pieces):
        raise BadRecordError("bad_type", "ipc: expected strings in the list")
    found = (_clean(piece.strip()) for piece in pieces)
    symbols = tuple(dict.fromkeys(piece for piece in found if piece))
    if len(symbols) > limits.symbols:
        raise BadRecordError("too_many_symbols", f"ipc: more than {limits.symbols} symbols")
    if any(len(symbol) > limits.id_chars for symbol in symbols):
        raise BadRecordError("symbol_too_long", f"ipc: longer than {limits.id_chars} characters")
    return symbols


def _date(value: object) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if value is None or isinstance(value, dt.date):
        return value
    text = str(value) if isinstance(value, int) and 0 < value < 10**8 else value
    if not isinstance(text, str):
        raise BadRecordError("bad_date", _BAD_DATE)
    if not text.strip():
        return None
    date = date_of(text)
    if date is None:
        raise BadRecordError("bad_date", _BAD_DATE)
    return date
