"""The parser and the argument types that the commands share."""

from __future__ import annotations

import argparse
import datetime as dt
import re
from pathlib import Path
from typing import NoReturn

from critech.dates import iso_date
from critech.errors import InputError, disk_errors

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
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of 1 or more")
    return int(value)
