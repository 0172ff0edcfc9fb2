"""What all measures are told, and what they give back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.processes import Running, Shares, answers, running
from harness.report import Check, table

QUIET_PERCENT = 5.0
CLASSIFY = "/v1/classify"


@dataclass(frozen=True)
class Plan:
    """How thorough to be, on how many inference threads, in which folder for files, and with which
    settings of the server beside the defaults."""

    quick: bool
    threads: int
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def pick(self, quick: float, full: float) -> float:
        """Return the value for this run."""
        return quick if self.quick else full

    @contextlib.contextmanager
    def server(self, **settings: str) -> Iterator[Running]:
        """Start ``critech serve`` as an operator would and wait for ``/readyz``."""
        command = [sys.executable, "-m", "critech.cli", "serve", "--port", "{port}"]
        own = {"CRITECH_THREADS": str(self.threads), **self.settings, **settings}
        with running(command, answers("/readyz"), own) as server:
            yield server


@dataclass(frozen=True)
class Section:
    """A part of the report. ``data`` is what JSON shows beside the checks."""

    name: str
    title: str
    header: list[str]
    rows: list[list[object]]
    notes: list[str]
    checks: list[Check]
    data: dict[str, Any]

    def markdown(self) -> str:
        """Return heading, table, notes and checks."""
        parts = [f"### {self.title}", table(self.header, self.rows)]
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        parts += [
            table(["target", "measured", "asked for", "result"], [c.row() for c in self.checks])
        ]
        return "\n\n".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"checks": [vars(check) for check in self.checks], **self.data}


def disturbance(shares: list[Shares]) -> list[str]:
    """Return a note when other programs kept the processors busy during a measurement."""
    worst = max((one.other for one in shares), default=0.0)
    if worst <= QUIET_PERCENT:
        return [f"Other programs used at most {worst:.1f} % of the machine."]
    return [f"**Other programs used up to {worst:.0f} % of the machine: repeat when it is quiet.**"]
