"""What a verification of an audit log found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from critech.audit import Link

MAX_FINDINGS = 1000
What = Literal["changed", "missing", "inserted", "moved", "torn", "cut"]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, at a line of a file."""

    file: str
    line: int
    what: What
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}: {self.message}"


@dataclass
class Report:
    """Intact records, the first and the furthest of them, and what is wrong. ``notes`` are no
    fault, but limit what the answer says; findings past ``MAX_FINDINGS`` are only counted."""

    records: int = 0
    first: Link | None = None
    last: Link | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unlisted: int = 0

    def add(self, file: str, line: int, what: What, message: str) -> None:
        """Add a finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(file, line, what, message))
        else:
            self.unlisted += 1
