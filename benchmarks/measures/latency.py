"""Time to answer at 70 % of the capacity, against bare inference on the same texts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from critech import Classifier
from harness import closed_loop, open_loop
from harness.open_loop import Shot
from harness.processes import Shares, settle, watched
from harness.report import Check, percentile
from harness.texts import abstracts, classify_bodies, write_lines
from measures.plan import CLASSIFY, Plan, Section, disturbance

LOAD = 0.7
MOST = 3.0
Ids = npt.NDArray[np.int64]


def measure(plan: Plan) -> Section:
    """Return times to answer for one abstract a request, and of the encoder alone."""
    texts = abstracts(120)
    bodies = write_lines(classify_bodies(texts), plan.folder / "one.jsonl")
    bare: dict[int, list[float]] = {1: [], plan.threads: []}
    shots: dict[bool, list[Shot]] = {False: [], True: []}
    capacities: list[float] = []
    shares: list[Shares] = []
    with Classifier.load(threads=1) as classifier, plan.server() as server:
        url = server.url(CLASSIFY)
        inputs = _inputs(classifier, texts)
        run = classifier.scorer.encoder.run
        list(map(run, inputs[:10]))
        for _ in range(int(plan.pick(1, 3))):
            for threads in bare:
                settle(server)
                bare[threads] += _bare(run, inputs, threads)
            capacities.append(closed_loop.load(url, bodies, 8, plan.pick(5, 12)).per_second)
            for randomly, times in ((False, plan.pick(12, 40)), (True, plan.pick(6, 25))):
                settle(server)
                with watched(server) as found:
                    rate = LOAD * capacities[-1]
                    shots[randomly] += open_loop.load(url, bodies, rate, times, randomly)
                shares += found
    return _section(plan, bare, shots, capacities, shares, inputs)


def _inputs(classifier: Classifier, texts: Sequence[str]) -> list[Ids]:
    encoder = classifier.scorer.encoder
    prefix = encoder.token_ids(encoder.config.prefix.rstrip())
    return [encoder.framed([*prefix, *encoder.token_ids(text)]) for text in texts]


def _bare(run: Callable[[Ids], object], inputs: Sequence[Ids], threads: int) -> list[float]:
    """Return the milliseconds of one call for each input, so many calls running at a time."""

    def timed(ids: Ids) -> float:
        started = time.perf_counter()
        run(ids)
        return (time.perf_counter() - started) * 1e3

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(timed, inputs))


def _section(
    plan: Plan,
    bare: dict[int, list[float]],
    shots: dict[bool, list[Shot]],
    capacities: list[float],
    shares: list[Shares],
    inputs: Sequence[Ids],
) -> Section:
    alone = statistics.mean(bare[1])
    rate = LOAD * statistics.median(capacities)
    groups = [(f"bare inference, {n} at a time", times) for n, times in bare.items()]
    groups.append((f"over HTTP, evenly spaced, {rate:.1f}/s", [s.ms for s in shots[False]]))
    groups.append((f"over HTTP, at random, {rate:.1f}/s", [s.ms for s in shots[True]]))
    rows: list[list[object]] = [
        [name, len(times), *(f"{value:.1f}" for value in _figures(times)),
         f"{percentile(times, 99) / alone:.2f}"]
        for name, times in groups
    ]  # fmt: skip
    even = [shot.ms for shot in shots[False]]
    both = [*shots[False], *shots[True]]
    ratio, busy = percentile(even, 99) / alone, statistics.mean(bare[plan.threads])
    failed = sum(shot.status != 200 for shot in both)
    late = max(shot.late_ms for shot in both)
    tokens = statistics.mean(ids.size for ids in inputs)
    return Section(
        "latency",
        f"Time to answer at {LOAD:.0%} of the capacity",
        ["what", "requests", "mean, ms", "p50, ms", "p99, ms", "p99 over mean of bare, alone"],
        rows,
        [
            f"One abstract a request, {tokens:.0f} tokens on average. Bare inference is the "
            "encoder's ONNX call alone, on prepared token ids, in a process of its own while the "
            f"server is idle. Capacity: {statistics.median(capacities):.1f} requests/s at 8 "
            "clients, measured anew before each round.",
            "Times count from when a request was due. Even spacing is the fixed rate of the "
            "target. Requests that come at random queue even before a perfect server: with two "
            "threads at 70 % and equal work, the one in a hundred that waits longest waits some "
            "three service times.",
            f"Against bare inference with all threads busy the ratio is "
            f"{percentile(even, 99) / busy:.2f}. The latest request was sent {late:.1f} ms late.",
            *disturbance(shares),
        ],
        [
            Check("p99 evenly spaced over mean of bare inference, alone", f"{ratio:.2f}",
                  f"under {MOST:g}", ratio < MOST),
            Check("requests that failed", str(failed), "0", failed == 0),
        ],
        {"bare_ms": bare, "capacities": capacities,
         "even": [vars(s) for s in shots[False]], "random": [vars(s) for s in shots[True]]},
    )  # fmt: skip


def _figures(times: Sequence[float]) -> tuple[float, float, float]:
    return statistics.mean(times), percentile(times, 50), percentile(times, 99)
