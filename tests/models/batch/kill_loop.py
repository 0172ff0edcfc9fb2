"""Kill a run again and again by SIGKILL, at random moments, and compare what comes out.

    python kill_loop.py FOLDER KILLS [SEED]

One process imports everything and forks the runs, so that a run takes milliseconds to begin. When
a run comes to its end, its output is compared with that of an undisturbed one, and a new output is
begun, until so many runs were killed. Prints the number of kills and of outputs compared.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pyarrow.parquet  # noqa: F401  once, not in every run
from batch_stub import StubClassifier, items, job, run

from critech import Document
from critech.batch.formats import FormatName
from critech.classifier import Options
from critech.results import Classification

N_ITEMS = 60
FORMATS: tuple[FormatName, ...] = ("jsonl", "parquet", "csv")


class SlowStub(StubClassifier):
    """A stub that takes a millisecond for a text."""

    def classify(self, documents: list[Document], options: Options | None = None) -> Classification:  # type: ignore[override]
        time.sleep(0.001)
        return super().classify(documents, options)


def main(folder: Path, kills: int, seed: int) -> None:
    """Kill, go on, compare."""
    chance = random.Random(seed)
    n_killed = n_compared = 0
    number = 0
    while n_killed < kills:
        name = FORMATS[number % len(FORMATS)]
        whole, parts = folder / f"whole-{number}", folder / f"parts-{number}"
        whole.mkdir()
        parts.mkdir()
        longest = _run(whole, name, None)
        while _run(parts, name, chance.uniform(0, 1.2 * longest)) is None:
            n_killed += 1
        for out in (f"out.{name}", f"out.{name}.quarantine.jsonl"):
            if (whole / out).read_bytes() != (parts / out).read_bytes():
                sys.exit(f"{out} differs after kills, seed {seed}, output {number}")
        n_compared += 1
        number += 1
    sys.stdout.write(f"{n_killed} {n_compared}\n")


def _run(folder: Path, name: FormatName, kill_after: float | None) -> float | None:
    """Run in a process of its own; return the seconds it took, None when it was killed."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            run(job(folder, name, shard_rows=10), items(N_ITEMS), SlowStub())
            os._exit(0)
        except BaseException as error:  # the parent must see it as a failure, whatever it is
            sys.stderr.write(f"{type(error).__name__} {error}\n")
            os._exit(9)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    if os.WEXITSTATUS(status) != 0:
        sys.exit("a run failed")
    return time.monotonic() - started


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
