"""The parser and the argument types that the commands share."""

from __future__ import annotations

import argparse
import datetime as dt
import re
from pathlib import Path
from typing import NoReturn

from critech.dates import iso_date
from critech.errors import InputError, disk_errors

MAX_DIGITS = 18  # of a whole number; of more than 4,300 Python reads none
_VALUE = re.compile(
    r"\b((?:unrecognized arguments|ambiguous option|ignored explicit argument|"
    r"invalid (?:[^:\n]* value|choice))): .*?(?=\Z| \(choose from| could match)",
    re.DOTALL,
)


class Parser(argparse.ArgumentParser):
    """A parser whose errors name the argument and never repeat its value: it may be a title or a
    claim, and standard error may be a log."""

    def error(self, message: str) -> NoReturn:
        """End with 2 after usage and message."""
        super().error(_VALUE.sub(r"\1", message))


def date_argument(value: str) -> dt.date:
    """Return a date from ``YYYY-MM-DD``; anything else is a usage error."""
    try:
        return iso_date(value)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a date as YYYY-MM-DD") from None


def check_file(option: str, path: Path) -> None:
    """Raise InputError unless there is a file at a path."""
    with disk_errors(option, "cannot be read"):
        if not path.is_file():
            raise InputError(option, "is not a file")


def check_out_folder(option: str, path: Path) -> None:
    """Raise InputError for a path that no folder can have."""
    with disk_errors(option, "cannot be written"):
        if path.exists() and not path.is_dir():
            raise InputError(option, "is not a folder")


def folder_argument(value: str) -> Path:
    """Return the path of a folder. An empty one, which would be the folder one is in, is a usage
    error."""
    if not value:
        raise argparse.ArgumentTypeError("is empty: name a folder")
    return Path(value)


def count_argument(value: str) -> int:
    """Return a whole number of at least 1; anything else is a usage error."""
    return _whole(value, 1)


def count_or_zero_argument(value: str) -> int:
    """Return a whole number of at least 0; anything else is a usage error."""
    return _whole(value, 0)


def share_argument(value: str) -> float:
    """Return a number from 0 to 1; anything else is a usage error."""
    number = number_of(value)
    if number is None or not 0.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return number


def number_of(value: str) -> float | None:
    """Return the number that a value is, None for anything else."""
    try:
        return float(value)
    except ValueError:
        return None


def _whole(value: str, least: int) -> int:
    digits = value.isascii() and value.isdigit()
    if digits and len(value) > MAX_DIGITS:
        raise argparse.ArgumentTypeError(f"has more than {MAX_DIGITS} digits")
    if not digits or int(value) < least:
        raise argparse.ArgumentTypeError(f"must be a whole number of {least} or more")
    return int(value)
