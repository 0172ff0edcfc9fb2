"""Audit records: what is kept of a screened filing, and the hash chain that holds the records.

Pure: no file, no clock, no environment. A record is one line of canonical JSON; ``hash`` is the
SHA-256 of the record without it, ``prev`` the hash of the record before, ``seq`` counts from 1
without a gap. Nothing a caller wrote is in a record: filing and id appear as keyed digests only.

``FORMAT`` is raised when a record changes its meaning; every file's first record names it.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, get_args

from critech.digest import digest
from critech.errors import CritechError, InputError

if TYPE_CHECKING:
    from critech.audit_secret import AuditSecret
    from critech.screening.filing import Filing
    from critech.screening.model import Certificate
    from critech.screening.results import FilingResult, Screening

FORMAT = 1
KINDS = {
    "start": ("format", "part", "continues"),
    "screening": ("filing", "model", "certificate", "taxonomy", "verdict", "reasons", "key_id"),
    "override": ("of", "verdict_before", "verdict_after", "reason_code", "reviewer"),
    "recovered": ("torn", "lost", "head"),
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", re.ASCII)
CODE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)

Entry = Mapping[str, object]


class AuditError(CritechError):
    """The audit log cannot be written or relied on; the message names no input."""


@dataclass(frozen=True)
class Link:
    """The place of a record in the chain."""

    seq: int
    hash: str


ORIGIN = Link(0, "sha256:" + 64 * "0")


def canonical(value: object) -> bytes:
    """Return the one JSON form of a value: ASCII, keys sorted, no spaces. NaN is a ValueError."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def seal(entry: Entry, after: Link, time: dt.datetime) -> tuple[Link, bytes]:
    """Return an entry's link and its line, chained to the record before; ``time`` has a zone."""
    utc = time.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    record = {**entry, "seq": after.seq + 1, "prev": after.hash, "time": utc}
    link = Link(after.seq + 1, digest(canonical(record)))
    return link, canonical({**record, "hash": link.hash}) + b"\n"


def open_line(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line without its newline, or None for anything but an intact one:
    canonical to the byte, with the hash of its own content."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or canonical(record) != line:
            return None
        content = {name: value for name, value in record.items() if name != "hash"}
        complete = content.keys() >= {"prev", "time", *KINDS[content["kind"]]}
        sound = complete and type(content["seq"]) is int and content["seq"] > 0
        return record if sound and record["hash"] == digest(canonical(content)) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def link_of(record: Mapping[str, Any]) -> Link:
    """Return the place of a record."""
    return Link(record["seq"], record["hash"])


def screening_entries(
    filings: Sequence[Filing],
    found: Screening,
    certificate: Certificate | None,
    secret: AuditSecret,
    key_id: str | None = None,
) -> list[Entry]:
    """Return one entry per screened filing. ``certificate`` is the bundle's, ``key_id`` names the
    caller's API key."""
    whole = None if certificate is None else digest(canonical(asdict(certificate)))
    common = {
        "kind": "screening",
        "secret": secret.fingerprint,
        "model": {"version": found.model.version, "digest": found.model.digest},
        "certificate": {"status": found.certificate["status"], "digest": whole},
        "as_of": found.provenance["as_of"],
        "key_id": key_id,
    }
    return [
        {**common, "filing": secret.filing(filing), **_verdict(result)}
        for filing, result in zip(filings, found.results, strict=True)
    ]


def _verdict(result: FilingResult) -> dict[str, object]:
    return {
        "taxonomy": {"id": result.edition.id, "version": result.edition.version},
        "verdict": result.verdict,
        "reasons": [{"code": r["code"], "field": r["field"]} for r in result.reasons],
    }


def override_entry(
    record: Mapping[str, Any], before: str, after: str, reason_code: str, reviewer: str
) -> Entry:
    """Return the entry of a reviewer who puts another verdict on a screening record.

    Raise InputError for a verdict, a code or a name of another form: no free text gets in.
    """
    from critech.screening.verdict import Verdict

    verdicts = get_args(Verdict)
    if after not in verdicts:
        raise InputError("verdict", f"must be one of {', '.join(verdicts)}")
    if not CODE.fullmatch(reason_code):
        raise InputError("reason_code", "must be lower-case letters, digits and _, 64 at most")
    name = reviewer_name(reviewer)
    return {
        "kind": "override",
        "of": {"seq": record["seq"], "hash": record["hash"]},
        "filing": record["filing"],
        "verdict_before": before,
        "verdict_after": after,
        "reason_code": reason_code,
        "reviewer": name,
    }


def reviewer_name(name: str) -> str:
    """Return a reviewer's id. Raise InputError for anything but letters, digits and ``._@+-``."""
    if not NAME.fullmatch(name):
        raise InputError("reviewer", "must be letters, digits and . _ @ + -, 64 at most")
    return name
