"""Reviewers' corrections: JSON lines in a file that the operator owns.

A correction says of one label whether it is right for one document. It holds no text unless the
reviewer hands text over for training.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import re
from collections.abc import Container
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from critech.audit import reviewer_name
from critech.audit_append import write_all
from critech.errors import InputError

FORMAT = 1
MAX_ID = 200
MAX_LENGTH = {"text": 500_000, "title": 2_000}
Judgement = Literal["right", "wrong"]
_HMAC = re.compile(r"hmac-sha256:[0-9a-f]{64}", re.ASCII)
_LABEL = re.compile(r"[a-z0-9-]{1,64}:[A-Za-z0-9.]{1,16}", re.ASCII)


@dataclass(frozen=True)
class Correction:
    """``right``: the label applies to the document, whether or not it was given; ``wrong``: it
    does not. The document is named by its id, or by the digest it has in the audit log.

    Raise InputError, naming the field, for a value of another form.
    """

    label: str
    judgement: Judgement
    reviewer: str
    time: dt.datetime
    id: str | None = None
    hmac: str | None = None
    text: str | None = None
    title: str | None = None
    language: Literal["en", "ja"] | None = None

    def __post_init__(self) -> None:
        for name in ("label", "reviewer", "id", "hmac", "text", "title"):
            _check_string(name, getattr(self, name))
        reviewer_name(self.reviewer)
        if not _LABEL.fullmatch(self.label):
            raise InputError("label", "must be a label id, <taxonomy>:<code>")
        if self.judgement not in get_args(Judgement):
            raise InputError("judgement", "must be right or wrong")
        if (self.id is None) == (self.hmac is None):
            raise InputError("id", "give a document's id or its hmac, one of them")
        if self.hmac is not None and not _HMAC.fullmatch(self.hmac):
            raise InputError("hmac", "must be hmac-sha256: and 64 hexadecimal digits")
        if self.time.tzinfo is None:
            raise InputError("time", "must have a time zone")
        if self.language not in (None, "en", "ja"):
            raise InputError("language", "must be en or ja")
        if self.text is None and (self.title is not None or self.language is not None):
            raise InputError("text", "must be there where a title or a language is")

    def as_line(self) -> str:
        """Return the line, without what is not given."""
        data = {name: value for name, value in asdict(self).items() if value is not None}
        data["time"] = self.time.astimezone(dt.UTC).isoformat(timespec="seconds")
        return json.dumps({"format": FORMAT, **data}, ensure_ascii=False)


def _check_string(name: str, value: object) -> None:
    """Raise InputError for what is neither None nor text of a length that is allowed."""
    if value is None and name not in ("label", "reviewer"):
        return
    limit = MAX_LENGTH.get(name, MAX_ID)
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= len(value) <= limit:
        raise InputError(name, f"must be a string of 1 to {limit} characters", limit)
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise InputError(name, "must be valid Unicode")


def read_corrections(path: Path, known_labels: Container[str]) -> list[Correction]:
    """Return the corrections of a file, in its order; reviewers may contradict one another.

    Raise InputError that names file, line and field, never a value, for a file that cannot be
    read, a line of another form and a label that is not known.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(path.name, f"cannot be read: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            correction = _parse(line, f"{path.name}:{number}")
            if correction.label not in known_labels:
                raise InputError(f"{path.name}:{number}: label", "is not a known label")
            found.append(correction)
    return found


def _parse(line: bytes, where: str) -> Correction:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(where, "is not JSON") from None
    if not isinstance(row, dict):
        raise InputError(where, "is not a JSON object")
    if row.pop("format", None) != FORMAT:
        raise InputError(f"{where}: format", f"must be {FORMAT}")
    names = [field.name for field in fields(Correction)]
    if not set(names[:4]) <= row.keys() <= set(names):
        expected = f"must have {', '.join(names[:4])} and may have {', '.join(names[4:])}"
        raise InputError(where, expected)
    try:
        return Correction(**{**row, "time": dt.datetime.fromisoformat(row["time"])})
    except InputError as error:
        raise InputError(f"{where}: {error.field}", error.problem) from None
    except (ValueError, TypeError):
        raise InputError(f"{where}: time", "must be a time as 2026-01-31T12:00:00+00:00") from None


def add_correction(path: Path, correction: Correction) -> None:
    """Append a correction, in one write, under a lock; only its owner can read a new file.

    Raise InputError when the file cannot be written, or its last line is cut.
    """
    data = correction.as_line().encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                raise InputError(path.name, "the last line has no end: complete or remove it")
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InputError(path.name, f"cannot be written: {error.strerror}") from None
