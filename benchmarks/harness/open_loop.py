"""Load at a fixed rate: a request is sent when it is due, whatever became of those before it.

A time is counted from when the request was due, so that a server which falls behind cannot hide it
by slowing the client down. wrk cannot do this. Run as a program of its own, since the client is not
to share an interpreter with anything:

    python open_loop.py URL FILE RATE SECONDS [--random]   (one body a line; JSON on stdout)
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 64
SEED = 11


@dataclass(frozen=True)
class Shot:
    """One request: which body, milliseconds from when it was due to its answer, the status (0: no
    answer), and how late it was sent because every connection was in use."""

    body: int
    ms: float
    status: int
    late_ms: float


def due_times(rate: float, seconds: float, randomly: bool) -> list[float]:
    """Return when to send, in seconds from the start: evenly, or as independent clients would."""
    if not randomly:
        return [i / rate for i in range(int(rate * seconds))]
    draw = random.Random(SEED)
    gaps = (draw.expovariate(rate) for _ in itertools.count())
    return list(itertools.takewhile(lambda at: at < seconds, itertools.accumulate(gaps)))


def fire(url: str, bodies: Sequence[bytes], due: Sequence[float]) -> list[Shot]:
    """Send the bodies in turn at the times due; return the shots in the order of the times."""
    place = urlsplit(url)
    shots: list[Shot | None] = [None] * len(due)
    turns = iter(range(len(due)))
    lock = threading.Lock()
    started = time.perf_counter() + 0.2

    def send() -> None:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                break
            at = started + due[turn]
            time.sleep(max(0.0, at - time.perf_counter()))
            sent = time.perf_counter()
            status = _status(connection, place.path, bodies[turn % len(bodies)])
            ms = (time.perf_counter() - at) * 1e3
            shots[turn] = Shot(turn % len(bodies), ms, status, (sent - at) * 1e3)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [shot for shot in shots if shot is not None]


def _status(connection: http.client.HTTPConnection, path: str, body: bytes) -> int:
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except OSError:
        connection.close()
        return 0
    return answer.status


def load(url: str, bodies: Path, rate: float, seconds: float, randomly: bool = False) -> list[Shot]:
    """Run this file as a program and return its shots."""
    command = [sys.executable, __file__, url, str(bodies), str(rate), str(seconds)]
    command += ["--random"] if randomly else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [Shot(*row) for row in json.loads(done.stdout)]


def main() -> None:
    """Send, and print the shots as rows of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--random", action="store_true")
    args = parser.parse_args()
    shots = fire(
        args.url,
        args.bodies.read_bytes().splitlines(),
        due_times(args.rate, args.seconds, args.random),
    )
    json.dump([list(vars(shot).values()) for shot in shots], sys.stdout)


if __name__ == "__main__":
    main()
