"""Filings from JSON: files, standard input, single objects. Every error names filing and field."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from critech.dates import iso_date
from critech.errors import InputError
from critech.input_text import read_text
from critech.screening.filing import Conditions, Filing

MAX_FILINGS = 10_000
ANSWERS = ("yes", "no", "unknown")
CONDITIONS = tuple(Conditions.__dataclass_fields__)
FACTS = ("invented_in_japan", "already_public")
_TEXTS = ("title", "abstract", "claims", "description", "id", "language")


def read_filings(path: Path) -> list[Filing]:
    """Return the filings of a file: a JSON list, ``{"filings": [...]}``, one JSON object, or JSON
    lines. Raise InputError that names the filing and the field."""
    where = "standard input" if str(path) == "-" else path.name
    rows = _rows(read_text(None if str(path) == "-" else path, where), where)
    if not 1 <= len(rows) <= MAX_FILINGS:
        raise InputError(where, f"must hold 1 to {MAX_FILINGS} filings", MAX_FILINGS)
    return [filing_from_json(row, f"filings[{i}]") for i, row in enumerate(rows)]


def _rows(text: str, where: str) -> list[Any]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return [
            _json_line(line, f"{where}:{number}")
            for number, line in enumerate(text.split("\n"), 1)
            if line.strip()
        ]
    if isinstance(whole, dict) and "filings" in whole:
        whole = whole["filings"]
    return whole if isinstance(whole, list) else [whole]


def _json_line(line: str, where: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(where, "is not JSON") from None


def filing_from_json(row: object, where: str) -> Filing:
    """Return the filing of a JSON object. Raise InputError that names the field and what it
    expects; an unknown field is an error."""
    if not isinstance(row, dict):
        raise InputError(where, "is not a JSON object")
    known = {*_TEXTS, *FACTS, "ipc", "filing_date", "conditions"}
    if row.keys() - known:
        raise InputError(where, f"has a field that is none of {', '.join(sorted(known))}")
    texts = {name: _text(row, name, where) for name in _TEXTS}
    if texts["language"] not in (None, "en", "ja"):
        raise InputError(f"{where}.language", "must be en or ja")
    ipc = [] if row.get("ipc") is None else row["ipc"]
    if not isinstance(ipc, list) or not all(isinstance(symbol, str) for symbol in ipc):
        raise InputError(f"{where}.ipc", "must be a list of strings")
    conditions = {} if row.get("conditions") is None else row["conditions"]
    if not isinstance(conditions, dict) or conditions.keys() - set(CONDITIONS):
        raise InputError(f"{where}.conditions", f"takes only {', '.join(CONDITIONS)}")
    return Filing(
        id=texts["id"],
        title=texts["title"] or "",
        abstract=texts["abstract"] or "",
        claims=texts["claims"],
        description=texts["description"],
        language=texts["language"],  # type: ignore[arg-type]
        ipc=tuple(ipc),
        filing_date=_filing_date(row.get("filing_date"), where),
        conditions=Conditions(
            **{name: _answer(conditions, name, f"{where}.conditions") for name in CONDITIONS}
        ),
        **{name: _answer(row, name, where) for name in FACTS},
    )


def _text(row: Mapping[str, Any], name: str, where: str) -> str | None:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{where}.{name}", "must be a string")
    return value


def _answer(row: Mapping[str, Any], name: str, where: str) -> Any:
    value = row.get(name, "unknown")
    if value not in ANSWERS:
        raise InputError(f"{where}.{name}", "must be yes, no or unknown")
    return value


def _filing_date(value: object, where: str) -> dt.date | None:
    if value is None:
        return None
    try:
        return iso_date(value if isinstance(value, str) else "")
    except ValueError:
        raise InputError(f"{where}.filing_date", "must be a date as YYYY-MM-DD") from None
