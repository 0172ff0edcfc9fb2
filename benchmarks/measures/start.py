"""From the start of the process to the first 200 of ``/readyz``."""

from __future__ import annotations

import statistics
import time

from harness.processes import CORES, Shares, busy_seconds
from harness.report import Check
from measures.plan import Plan, Section, disturbance

MOST_S = 2.5
MOST_MB = 450.0


def measure(plan: Plan) -> Section:
    """Return start times, processor time until ready, and memory then."""
    runs: list[tuple[float, float, float]] = []
    shares: list[Shares] = []
    for i in range(int(plan.pick(3, 10)) + 1):
        busy, started = busy_seconds(), time.perf_counter()
        with plan.server() as server:
            whole = (time.perf_counter() - started) * CORES / 100
            other = (busy_seconds() - busy - server.ready_cpu_s) / whole
            if i:  # the first one fills the disk cache
                runs.append((server.ready_s, server.ready_cpu_s, server.rss_mb()))
                shares.append(Shares(server.ready_cpu_s / whole, 0.0, max(0.0, other)))
    seconds, cpu, rss = ([run[i] for run in runs] for i in range(3))
    rows: list[list[object]] = [
        ["start to ready, s", *_spread(seconds, 2)],
        ["processor time until ready, s", *_spread(cpu, 2)],
        ["resident memory when ready, MB", *_spread(rss, 0)],
    ]
    median = statistics.median(seconds)
    return Section(
        "start",
        "Start",
        ["", "median", "least", "most"],
        rows,
        [
            f"{len(runs)} starts, files in the disk cache, byte code compiled; `/readyz` is asked "
            "every 20 ms.",
            *disturbance(shares),
        ],
        [
            Check("start to ready, median", f"{median:.2f} s", f"under {MOST_S:g} s",
                  median < MOST_S),
            Check("resident memory when ready", f"{max(rss):.0f} MB", f"under {MOST_MB:g} MB",
                  max(rss) < MOST_MB),
        ],
        {"seconds": seconds, "cpu_seconds": cpu, "rss_mb": rss},
    )  # fmt: skip


def _spread(values: list[float], digits: int) -> list[object]:
    return [f"{f(values):.{digits}f}" for f in (statistics.median, min, max)]
