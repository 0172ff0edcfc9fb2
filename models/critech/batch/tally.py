"""What a run counts: kept in the journal shard by shard, so that a resumed run counts all."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from critech.batch.records import Rejected
from critech.batch.rows import Row

N_SLOWEST = 10
Slow = tuple[float, str, int, int]


@dataclass
class Tally:
    """Counts over rows and rejected records. ``flagged`` counts rows with any label ``possible``
    or ``assigned``; ``slowest`` holds seconds, source, record and tokens, the slowest first."""

    rows: int = 0
    flagged: int = 0
    repeated: int = 0
    seconds: float = 0.0
    rejected: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    assigned: Counter[str] = field(default_factory=Counter)
    possible: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    slowest: list[Slow] = field(default_factory=list)

    @property
    def n_rejected(self) -> int:
        """Number of rejected records."""
        return self.rejected.total()

    @property
    def records(self) -> int:
        """Number of input items: rows and rejected records."""
        return self.rows + self.n_rejected

    def add(self, outcome: Row | Rejected, seconds: float | None) -> None:
        """Count one outcome; ``seconds`` None says that it was known from a repeated text."""
        if isinstance(outcome, Rejected):
            self.rejected[outcome.reason] += 1
            return
        self.rows += 1
        self.flagged += bool(outcome["assigned"] or outcome["possible"])
        self.languages[outcome["language"]] += 1
        self.tiers[outcome["tier"]] += 1
        self.warnings.update(warning["code"] for warning in outcome["warnings"])
        self.assigned.update(outcome["assigned"])
        self.possible.update(outcome["possible"])
        if outcome["screening"] is not None:
            self.verdicts[outcome["screening"]["verdict"]] += 1
        if seconds is None:
            self.repeated += 1
            return
        self.seconds += seconds
        slow = (round(seconds, 4), outcome["source"], outcome["record"], outcome["tokens_total"])
        if len(self.slowest) < N_SLOWEST or slow > self.slowest[-1]:
            self.slowest = heapq.nlargest(N_SLOWEST, [*self.slowest, slow])

    def merge(self, other: Tally) -> None:
        """Add the counts of another tally to this one."""
        for name in ("rows", "flagged", "repeated", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for one in fields(self):
            if isinstance(mine := getattr(self, one.name), Counter):
                mine.update(getattr(other, one.name))
        self.slowest = heapq.nlargest(N_SLOWEST, [*self.slowest, *other.slowest])

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        data = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: dict(v) if isinstance(v, Counter) else v for name, v in data.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tally:
        """Return the tally of a JSON form."""
        tally = cls()
        for one in fields(cls):
            value = data[one.name]
            is_counter = isinstance(getattr(tally, one.name), Counter)
            setattr(tally, one.name, Counter(value) if is_counter else value)
        tally.slowest = [tuple(slow) for slow in data["slowest"]]
        return tally
