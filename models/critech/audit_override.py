"""A reviewer's verdict over the machine's: found in the log, put on record after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from critech.audit import Link, open_line, override_entry
from critech.audit_files import LogFiles
from critech.audit_log import AuditLog
from critech.errors import InputError


def override(log: AuditLog, seq: int, verdict: str, reason_code: str, reviewer: str) -> Link:
    """Append the record that a reviewer gives a screened filing another verdict; return its place.

    The verdict before is that of the last override of the same record, else the record's own.
    Raise InputError for a number that is no screening record's and for values of another form.
    """

    def build() -> list[Mapping[str, object]]:
        record, before = standing(log.files, seq)
        return [override_entry(record, before, verdict, reason_code, reviewer)]

    return log.append_built(build)[0]


def standing(files: LogFiles, seq: int) -> tuple[Mapping[str, Any], str]:
    """Return a screening record and the verdict that stands for its filing now."""
    found: Mapping[str, Any] | None = None
    verdict = ""
    for record in _records(files):
        if record["seq"] == seq and record["kind"] == "screening":
            found, verdict = record, record["verdict"]
        elif found is not None and record["kind"] == "override" and record["of"]["seq"] == seq:
            verdict = record["verdict_after"]
    if found is None:
        raise InputError("record", f"{seq} is not a screening record of this log")
    return found, verdict


def _records(files: LogFiles) -> Iterator[dict[str, Any]]:
    for path in [*files.parts(), files.log]:
        with path.open("rb") as file:
            for line in file:
                record = open_line(line.removesuffix(b"\n"))
                if record is not None:
                    yield record
