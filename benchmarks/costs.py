"""What a million documents take: documents per second and core, measured, then multiplied.

    python benchmarks/costs.py [--seconds S] [--rounds R] [--rate R]
                               [--engines [--engine-documents N]]

One process and as many as there are processors, in turn, do what a worker of ``critech batch
--engine`` does: classify blocks by the default bundle on one thread and write Parquet parts. Texts
are the benchmarks' own, no text twice. The best round of each counts. ``--engines`` runs the
command on a local Ray and a local Spark as well, over few documents and over many, which tells an
engine's start from its rate. ``--rate`` takes documents per second and core from elsewhere and
prints the table alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from critech.batch.engines.job import Job, Worker
from critech.batch.engines.parts import Finished
from critech.batch.engines.sources import blocks as cut
from critech.batch.engines.sources import pack, read_source
from critech.batch.records import Position, Record
from critech.batch.rows import RowOptions
from critech.batch.tables import table_of_items
from critech.classifier import Classifier
from harness.processes import CORES, busy_seconds
from harness.report import machine, table
from harness.texts import abstracts

MILLION = 1_000_000
DOCUMENTS = (MILLION, 10 * MILLION, 100 * MILLION)
MACHINES = (2, 16, 256)
BLOCK = 32
TEXTS = 320
FEW = 2 * BLOCK
READ = 6000
SPREAD = {"ray": "--workers", "spark": "--partitions"}


@dataclass(frozen=True)
class Lanes:
    """What so many processes did: documents per second of the clock, all together, and per second
    of processor time, which other programs disturb less."""

    n: int
    rate: float
    per_cpu_second: float


def took(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    for unit, size, until in (("min", 60, 3600), ("h", 3600, 172_800), ("days", 86_400, None)):
        if until is None or seconds < until:
            return f"{seconds / size:.{0 if seconds / size >= 100 else 1}f} {unit}"
    raise AssertionError


def cost_table(rate_per_core: float) -> str:
    """Return the table of the costs at so many documents per second and core."""
    header = ["documents", *(f"{n} cores" for n in MACHINES), "core hours"]
    rows = [
        [
            f"{documents // MILLION} million",
            *(took(documents / rate_per_core / cores) for cores in MACHINES),
            f"{documents / rate_per_core / 3600:,.0f}",
        ]
        for documents in DOCUMENTS
    ]
    return table(header, rows)


def blocks(lane: int) -> Iterator[bytes]:
    """Yield blocks of texts without end, none twice."""
    texts, number = abstracts(TEXTS), 0
    while True:
        items = [
            Record(Position(f"lane{lane}", i), f"{texts[i % TEXTS]} ({i})", str(i))
            for i in range(number, number + BLOCK)
        ]
        number += BLOCK
        yield pack(table_of_items(items))


def work(lane: int, job: Job, seconds: float, ready: Any, results: Any) -> None:
    """Finish blocks for so long, and put documents, seconds and processor seconds."""
    worker, given = Worker(job), blocks(lane)
    worker.finish(next(given))
    ready.wait()
    started, cpu, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() < started + seconds:
        done += worker.finish(next(given)).rows
    results.put((done, time.perf_counter() - started, time.process_time() - cpu))


def measure(n: int, seconds: float) -> Lanes:
    """Run so many processes side by side."""
    spawn = multiprocessing.get_context("spawn")
    ready, results = spawn.Barrier(n), spawn.Queue()
    with tempfile.TemporaryDirectory() as folder:
        job, _ = Job(folder, RowOptions()).begun()
        lanes = [
            spawn.Process(target=work, args=(i, job, seconds, ready, results)) for i in range(n)
        ]
        for lane in lanes:
            lane.start()
        found = [results.get(timeout=120 + 10 * seconds) for _ in lanes]
        for lane in lanes:
            lane.join()
    documents = sum(done for done, _, _ in found)
    return Lanes(
        n, sum(done / wall for done, wall, _ in found), documents / sum(cpu for _, _, cpu in found)
    )


def tokens() -> float:
    """Return the mean number of tokens of the texts."""
    with Classifier.load(threads=1) as classifier:
        token_ids = classifier.scorer.encoder.token_ids
        return sum(len(token_ids(text)) for text in abstracts(TEXTS)) / TEXTS


def write_lines(n: int, path: Path) -> Path:
    """Write so many documents as JSON lines, none twice."""
    texts = abstracts(TEXTS)
    rows = [{"id": str(i), "text": f"{texts[i % TEXTS]} ({i})"} for i in range(n)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def reading_rate() -> float:
    """Return how many JSON lines one task reads and packs in a second of processor time."""
    with tempfile.TemporaryDirectory() as folder:
        given = write_lines(READ, Path(folder) / "in.jsonl")
        started = time.process_time()
        for _ in cut(read_source(str(given), None), Finished(), 1024):
            pass
        return READ / (time.process_time() - started)


def engine_seconds(engine: str, n_documents: int, folder: Path) -> float:
    """Return how long the command takes on an engine of this machine, its start included."""
    given = write_lines(n_documents, folder / f"{engine}-{n_documents}.jsonl")
    command = [sys.executable, "-m", "critech.cli", "batch", str(given), "--quiet"]
    command += ["-o", str(folder / f"out-{engine}-{n_documents}"), "--shard-rows", str(BLOCK)]
    command += ["--engine", engine, SPREAD[engine], str(CORES)]
    environment = {"PYSPARK_SUBMIT_ARGS": f"--master local[{CORES}] pyspark-shell"}
    environment["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    return time.perf_counter() - started


def engines(bare: float, many: int) -> str:
    """Measure both engines over few documents and over many, and return the table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in SPREAD:
            short, long = (engine_seconds(engine, n, Path(folder)) for n in (FEW, many))
            rate = (many - FEW) / (long - short)
            start = short - FEW / rate
            rows.append([engine, f"{start:.0f}", f"{rate:.1f}", f"{rate / bare:.2f}"])
    return table(["engine", "start and end, s", "documents/s between", "of bare workers"], rows)


def lanes_table(found: Sequence[Lanes]) -> str:
    """Return the table of what was measured."""
    one = found[0].rate
    rows = [
        [
            lanes.n,
            f"{lanes.rate:.1f}",
            f"{lanes.rate / lanes.n:.1f}",
            f"{lanes.rate / lanes.n / one:.2f}",
            f"{lanes.per_cpu_second:.1f}",
        ]
        for lanes in found
    ]
    header = [
        "processes",
        "documents/s",
        "per core",
        "of one alone",
        "per processor second",
    ]
    return table(header, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engines", action="store_true")
    parser.add_argument("--engine-documents", type=int, default=40 * BLOCK)
    parser.add_argument("--rate", type=float, help="documents per second and core")
    args = parser.parse_args()
    if args.rate is not None:
        print(cost_table(args.rate))
        return
    counts = sorted({1, CORES})
    best = {n: Lanes(n, 0.0, 0.0) for n in counts}
    started, busy = time.monotonic(), busy_seconds()
    own = os.times()
    for _ in range(args.rounds):
        for n in counts:
            best[n] = max(best[n], measure(n, args.seconds), key=lambda lanes: lanes.rate)
    ended = os.times()
    mine = sum(ended[:4]) - sum(own[:4])
    others = (busy_seconds() - busy - mine) / (time.monotonic() - started) / CORES
    most = best[counts[-1]]
    print(f"{machine()}; {tokens():.0f} tokens on average, {BLOCK} documents a block")
    print(f"{args.rounds} rounds of {args.seconds:.0f} s; others took {others:.0%} of the cores\n")
    print(lanes_table([best[n] for n in counts]) + "\n")
    print(f"one task reads {reading_rate():,.0f} JSON lines a processor second\n")
    if args.engines:
        print(engines(most.rate, args.engine_documents) + "\n")
    print(f"at {most.rate / most.n:.1f} documents per second and core:\n")
    print(cost_table(most.rate / most.n))


if __name__ == "__main__":
    main()
