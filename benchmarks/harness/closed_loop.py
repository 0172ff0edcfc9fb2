"""Load by a fixed number of clients, each sending its next request when the last is answered.

The clients are wrk (https://github.com/wg/wrk, Debian's package ``wrk``): one small C process that
posts different bodies by a Lua script, counts every status, and at the rates of this service takes
under one percent of a core, so that it can share the machine with the server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_S = 120


@dataclass(frozen=True)
class Sample:
    """What one run of wrk saw. Answers are counted by status; ``broken`` are requests without
    one. The times are those of all answers."""

    clients: int
    seconds: float
    statuses: dict[str, int]
    broken: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def good(self) -> int:
        """Number of answers with a status of 2xx."""
        return sum(count for status, count in self.statuses.items() if status.startswith("2"))

    @property
    def refused(self) -> int:
        """Number of answers with the statuses that say "later": 429 and 503."""
        return sum(self.statuses.get(status, 0) for status in ("429", "503"))

    @property
    def failed(self) -> int:
        """Number of requests that were neither answered nor refused as they should be."""
        return sum(self.statuses.values()) - self.good - self.refused + self.broken

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds


def is_installed() -> bool:
    """Return whether wrk is on the path."""
    return shutil.which("wrk") is not None


def load(
    url: str, bodies: Path, clients: int, seconds: float, kind: str = "application/json"
) -> Sample:
    """Return what so many clients saw in so many seconds; ``bodies`` has one body a line."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s"]
    command += ["--timeout", f"{TIMEOUT_S}s", "-s", str(SCRIPT), url, "--", str(bodies), kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    return read_sample(clients, lines[-1])


def read_sample(clients: int, line: str) -> Sample:
    """Return the sample in the line that the Lua script prints."""
    found = json.loads(line)
    broken = sum(found.pop("errors").values())
    return Sample(clients=clients, broken=broken, **found)
