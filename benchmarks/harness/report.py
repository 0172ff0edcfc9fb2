"""Markdown tables, percentiles and trends; pure functions."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Check:
    """A target of the project against what was measured."""

    what: str
    measured: str
    target: str
    met: bool

    def row(self) -> list[str]:
        """Return its row of a table."""
        return [self.what, self.measured, self.target, "met" if self.met else "missed"]


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; the first column is text, the others stand to the right."""
    ruler = ["---", *["---:"] * (len(header) - 1)]
    lines = [header, ruler, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent do not exceed; NaN for none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def by_status(statuses: dict[str, int], broken: int = 0) -> str:
    """Return ``200: 512, 429: 30`` and so on."""
    counts = [f"{status}: {count}" for status, count in sorted(statuses.items())]
    return ", ".join([*counts, *([f"no answer: {broken}"] if broken else [])]) or "none"


@dataclass(frozen=True)
class Trend:
    """How memory moved over a run: the medians of the first and the last tenth, and the slope of
    the least-squares line, in MB a 10,000 requests."""

    first_mb: float
    last_mb: float
    slope_mb: float

    @property
    def growth_percent(self) -> float:
        """Growth from the first tenth to the last."""
        return (self.last_mb / self.first_mb - 1) * 100


def trend(requests: Sequence[float], megabytes: Sequence[float]) -> Trend:
    """Return the trend of memory samples taken after so many requests, 10 samples at least."""
    tenth = max(1, len(megabytes) // 10)
    slope = float(np.polyfit(np.asarray(requests), np.asarray(megabytes), 1)[0])
    return Trend(
        first_mb=float(np.median(megabytes[:tenth])),
        last_mb=float(np.median(megabytes[-tenth:])),
        slope_mb=slope * 10_000,
    )


def machine() -> str:
    """Return the machine in words."""
    cores = len(os.sched_getaffinity(0))
    names, flags = _cpu()
    vnni = "with VNNI" if any("vnni" in flag for flag in flags) else "without VNNI"
    return (
        f"{cores} cores ({names}, {vnni}), Linux {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def _cpu() -> tuple[str, list[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor", []
    found = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    return found.get("model name", "unknown processor"), found.get("flags", "").split()
