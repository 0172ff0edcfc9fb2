"""Argument types that several commands share."""

from __future__ import annotations

import argparse
import datetime as dt


def date_argument(value: str) -> dt.date:
    """Return a date from ``YYYY-MM-DD``; anything else is a usage error."""
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a date as YYYY-MM-DD") from None


def count_argument(value: str) -> int:
    """Return a whole number of at least 1; anything else is a usage error."""
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of 1 or more")
    return int(value)
