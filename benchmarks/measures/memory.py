"""Resident memory over very many requests: does it stay where the warm-up left it?"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from harness import closed_loop
from harness.processes import Running, ServerError, Shares, settle, watched
from harness.report import Check, Trend, by_status, trend
from harness.texts import abstracts, classify_bodies, snippets, write_lines
from measures.plan import CLASSIFY, Plan, Section, disturbance

REQUESTS = 50_000
QUICK_REQUESTS = 3_000
WARM_SHARE = 0.1
CLIENTS = 32
SLICE_S = 10
LONGEST_S = 540
MOST_GROWTH_PERCENT = 5.0
MOST_MB = 450.0
SAMPLE_S = 0.5
PATIENCE_S = 120


@dataclass(frozen=True)
class Memory:
    """Resident memory when so many requests were answered."""

    requests: float
    rss_mb: float


def measure(plan: Plan) -> Section:
    """Return how memory moved over 50,000 short requests, and where it stood before."""
    bodies = write_lines(classify_bodies(snippets(2_000)), plan.folder / "short.jsonl")
    bundles = write_lines(classify_bodies(abstracts(640), 64), plan.folder / "bundles.jsonl")
    target = int(plan.pick(QUICK_REQUESTS, REQUESTS))
    with plan.server() as server, watched(server) as shares:
        url = server.url(CLASSIFY)
        at_ready = server.rss_mb()
        closed_loop.load(url, bundles, 8, plan.pick(3, 15))
        settle(server, PATIENCE_S)
        samples, statuses, broken = _run(server, bodies, target, plan.pick(3, SLICE_S))
        peak = server.peak_rss_mb()
    steady = [sample for sample in samples if sample.requests > WARM_SHARE * target]
    if len(steady) < 10:
        raise ServerError(f"only {len(steady)} readings after the warm-up; {statuses} answered")
    found = trend([s.requests for s in steady], [s.rss_mb for s in steady])
    return _section(found, at_ready, peak, int(samples[-1].requests), (statuses, broken), shares)


def _run(
    server: Running, bodies: Path, target: int, slice_s: float
) -> tuple[list[Memory], dict[str, int], int]:
    """Load in slices until so many requests are answered or the time is up; return samples of
    memory, answers by status, and requests without one."""
    samples: list[Memory] = []
    statuses: dict[str, int] = {}
    answered, broken, started = 0, 0, time.perf_counter()
    while answered < target and time.perf_counter() - started < LONGEST_S:
        readings: list[float] = []
        stop = threading.Event()
        reader = threading.Thread(target=_read, args=(server, readings, stop))
        reader.start()
        sample = closed_loop.load(server.url(CLASSIFY), bodies, CLIENTS, slice_s)
        stop.set()
        reader.join()
        step = sample.good / max(1, len(readings))
        samples += [Memory(answered + (i + 1) * step, rss) for i, rss in enumerate(readings)]
        answered, broken = answered + sample.good, broken + sample.broken
        for status, count in sample.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
        if not sample.good:
            break
    return samples, statuses, broken


def _read(server: Running, readings: list[float], stop: threading.Event) -> None:
    while not stop.wait(SAMPLE_S):
        readings.append(server.rss_mb())


def _section(
    found: Trend,
    at_ready: float,
    peak: float,
    answered: int,
    answers: tuple[dict[str, int], int],
    shares: list[Shares],
) -> Section:
    rows: list[list[object]] = [
        ["when ready", f"{at_ready:.0f}"],
        [f"first tenth after a warm-up of {WARM_SHARE:.0%}", f"{found.first_mb:.1f}"],
        [f"last tenth of {answered} requests", f"{found.last_mb:.1f}"],
        ["highest ever", f"{peak:.0f}"],
    ]
    failed = answers[1] + sum(n for status, n in answers[0].items() if status != "200")
    return Section(
        "memory",
        "Memory",
        ["resident memory of the server", "MB"],
        rows,
        [
            "Texts of 5 to 25 tokens with one whole abstract in fifty, since so many whole ones "
            f"would take half an hour; {CLIENTS} clients. Before: requests of 64 abstracts from "
            "8 clients. RSS is read twice a second; MB are of 1,048,576 bytes.",
            f"Slope of the least-squares line after the warm-up: {found.slope_mb:+.2f} MB in "
            f"10,000 requests. Answers by status: {by_status(*answers)}.",
            *disturbance(shares),
        ],
        [
            Check("growth after the warm-up", f"{found.growth_percent:+.1f} %",
                  f"under {MOST_GROWTH_PERCENT:g} %", found.growth_percent < MOST_GROWTH_PERCENT),
            Check("requests", str(answered), f"at least {REQUESTS}", answered >= REQUESTS),
            Check("highest resident memory", f"{peak:.0f} MB", f"under {MOST_MB:g} MB",
                  peak < MOST_MB),
            Check("requests that failed", str(failed), "0", failed == 0),
        ],
        {"ready_mb": at_ready, "peak_mb": peak, "trend": vars(found), "statuses": answers[0]},
    )  # fmt: skip
