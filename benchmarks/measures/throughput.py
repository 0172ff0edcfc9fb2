"""Requests a second at 1, 8, 64 and 256 clients, in turn, several rounds."""

from __future__ import annotations

import statistics
from pathlib import Path

from harness import closed_loop
from harness.processes import Running, Shares, settle, watched
from harness.report import Check, by_status
from harness.texts import abstracts, classify_bodies, write_lines
from measures.plan import CLASSIFY, Plan, Section, disturbance

CLIENTS = (1, 8, 64, 256)
BUNDLED = 16
LEAST_RATIO = 0.9
Runs = dict[str, list[tuple[closed_loop.Sample, Shares]]]


def measure(plan: Plan) -> Section:
    """Return the table of all levels; one document a request, and once 16."""
    texts = abstracts(480)
    one = write_lines(classify_bodies(texts), plan.folder / "one.jsonl")
    many = write_lines(classify_bodies(texts, BUNDLED), plan.folder / "many.jsonl")
    seconds = plan.pick(5, 15)
    levels: list[tuple[str, int, int, Path]] = [(f"{n}", n, 1, one) for n in CLIENTS]
    levels.append((f"8, {BUNDLED} documents each", 8, BUNDLED, many))
    runs: Runs = {name: [] for name, *_ in levels}
    with plan.server() as server:
        closed_loop.load(server.url(CLASSIFY), one, 8, plan.pick(1, 3))  # warm-up
        for _ in range(int(plan.pick(1, 3))):
            for name, clients, _, bodies in levels:
                runs[name].append(_once(server, bodies, clients, seconds))
    rows = [_row(name, documents, runs[name]) for name, _, documents, _ in levels]
    shares = [share for group in runs.values() for _, share in group]
    return Section(
        "throughput",
        "Throughput",
        ["clients", "requests/s", "documents/s", "p50, ms", "p99, ms", "answers by status",
         "client, % of CPU", "server, % of CPU"],
        rows,
        [
            f"One server process, {plan.threads} inference threads; client and server share the "
            f"machine. {len(runs['8'])} rounds of {seconds:.0f} s a level, levels in turn; medians "
            "of the rounds, answers added up.",
            *disturbance(shares),
        ],
        _checks(runs),
        {name: [{**vars(s), **vars(share)} for s, share in group] for name, group in runs.items()},
    )  # fmt: skip


def _once(
    server: Running, bodies: Path, clients: int, seconds: float
) -> tuple[closed_loop.Sample, Shares]:
    settle(server)
    with watched(server) as shares:
        sample = closed_loop.load(server.url(CLASSIFY), bodies, clients, seconds)
    return sample, shares[0]


def _row(name: str, documents: int, group: list[tuple[closed_loop.Sample, Shares]]) -> list[object]:
    rate = statistics.median(sample.per_second for sample, _ in group)
    statuses: dict[str, int] = {}
    for sample, _ in group:
        for status, count in sample.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return [
        name,
        f"{rate:.1f}",
        f"{rate * documents:.1f}",
        f"{statistics.median(sample.p50_ms for sample, _ in group):.0f}",
        f"{statistics.median(sample.p99_ms for sample, _ in group):.0f}",
        by_status(statuses, sum(sample.broken for sample, _ in group)),
        f"{statistics.median(share.client for _, share in group):.1f}",
        f"{statistics.median(share.server for _, share in group):.0f}",
    ]


def _checks(runs: Runs) -> list[Check]:
    ratio = statistics.median(
        high.per_second / low.per_second
        for (low, _), (high, _) in zip(runs["8"], runs["64"], strict=True)
        if low.per_second
    )
    samples = [sample for group in runs.values() for sample, _ in group]
    failed = sum(sample.failed for sample in samples)
    refused = sum(sample.refused for sample in samples if sample.clients <= 64)
    return [
        Check("throughput at 64 clients over that at 8", f"{ratio:.2f}",
              f"at least {LEAST_RATIO}", ratio >= LEAST_RATIO),
        Check("requests that failed", str(failed), "0", failed == 0),
        Check("requests refused at up to 64 clients", str(refused), "0", refused == 0),
    ]  # fmt: skip
