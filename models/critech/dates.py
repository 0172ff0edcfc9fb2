"""Dates as the law's forms and this project's data write them."""

from __future__ import annotations

import datetime as dt
import re

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def iso_date(text: str) -> dt.date:
    """Return the date of ``YYYY-MM-DD``. Raise ValueError for any other form, week dates and
    ``YYYYMMDD`` among them, and for a day that does not exist."""
    if not _ISO.fullmatch(text):
        raise ValueError("expected a date as YYYY-MM-DD")
    return dt.date.fromisoformat(text)
