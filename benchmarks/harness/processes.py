"""A server as a child process: started on a free port, waited for, measured through /proc."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
CORES = len(os.sched_getaffinity(0))
POLL_SECONDS = 0.02


class ServerError(Exception):
    """A server ended or did not get ready; the message is the last line of its log."""


def free_port() -> int:
    """Return a port on loopback that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Running:
    """A server that answers. ``ready_s`` is the wall time from its start to its first good answer,
    ``ready_cpu_s`` the processor time it used until then, which other work disturbs less."""

    pid: int
    port: int
    ready_s: float
    ready_cpu_s: float
    log: Path

    def url(self, path: str) -> str:
        """Return the address of a path on this server."""
        return f"http://127.0.0.1:{self.port}{path}"

    def cpu_seconds(self) -> float:
        """Return the processor time of the process and its descendants so far."""
        return sum(map(_cpu_seconds, family(self.pid)))

    def memory_mb(self) -> float:
        """Return what the process and its descendants hold in memory, shared pages once."""
        return sum(_proportional_mb(pid) for pid in family(self.pid))

    def rss_mb(self) -> float:
        """Return the resident memory of the process itself."""
        return _status_mb(self.pid, "VmRSS")

    def peak_rss_mb(self) -> float:
        """Return the highest resident memory that the process itself ever had."""
        return _status_mb(self.pid, "VmHWM")


@contextlib.contextmanager
def running(
    command: Sequence[str],
    probe: Callable[[int], bool],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    patience_s: float = 120.0,
) -> Iterator[Running]:
    """Start a server and yield it once ``probe(port)`` is true; stop it and its descendants in the
    end. ``{port}`` in the command and the environment stands for its port, ``{port2}`` and
    ``{port3}`` for further free ones. Raise ServerError when it ends before or takes longer than
    ``patience_s``."""
    port = free_port()
    ports = {"port": port, "port2": free_port(), "port3": free_port()}
    filled = [_filled(part, ports) for part in command]
    own = {key: _filled(value, ports) for key, value in (environment or {}).items()}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        log = Path(scratch) / "server.log"
        with log.open("wb") as out:
            started = time.perf_counter()
            process = subprocess.Popen(
                filled,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **own},
                start_new_session=True,
            )
        try:
            while not probe(port):
                if process.poll() is not None:
                    raise ServerError(f"ended with code {process.returncode}: {last_line(log)}")
                if time.perf_counter() - started > patience_s:
                    raise ServerError(f"not ready in {patience_s:.0f} s: {last_line(log)}")
                time.sleep(POLL_SECONDS)
            took = time.perf_counter() - started
            cpu = sum(map(_cpu_seconds, family(process.pid)))
            yield Running(process.pid, port, took, cpu, log)
        finally:
            _stop(process)


def _filled(text: str, ports: Mapping[str, int]) -> str:
    for name, port in ports.items():
        text = text.replace(f"{{{name}}}", str(port))
    return text


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its session: the workers that did not follow
    process.wait()


def last_line(log: Path) -> str:
    """Return the last line of a log that names an error, or else its last line."""
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line]
    return (errors or lines or ["nothing in its log"])[-1].strip()[:200]


def answers(path: str, body: bytes | None = None, kind: str = "application/json") -> object:
    """Return a probe: true when the path answers 200, to a body by POST, else by GET."""

    def probe(port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            headers = {} if body is None else {"Content-Type": kind}
            connection.request("GET" if body is None else "POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
        except OSError:
            return False
        finally:
            connection.close()
        return answer.status == 200

    return probe


def settle(server: Running, patience_s: float = 30.0) -> None:
    """Wait until a server has worked off what earlier clients left."""
    deadline = time.perf_counter() + patience_s
    while time.perf_counter() < deadline:
        before = server.cpu_seconds()
        time.sleep(0.3)
        if server.cpu_seconds() - before < 0.03:
            return


@dataclass(frozen=True)
class Shares:
    """Who used the processors, in percent of all cores."""

    server: float
    client: float
    other: float


@contextlib.contextmanager
def watched(server: Running) -> Iterator[list[Shares]]:
    """Yield a list that holds, once the block is left, who used the processors meanwhile. The
    client's time is that of children that ended, and of this process."""
    found: list[Shares] = []
    started, busy = time.perf_counter(), busy_seconds()
    server_before, client_before = server.cpu_seconds(), _own_seconds()
    yield found
    whole = (time.perf_counter() - started) * CORES / 100
    by_server = (server.cpu_seconds() - server_before) / whole
    by_client = (_own_seconds() - client_before) / whole
    other = (busy_seconds() - busy) / whole - by_server - by_client
    found.append(Shares(by_server, by_client, max(0.0, other)))


def family(pid: int) -> list[int]:
    """Return the ids of a process and its descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int(_stat_fields(int(folder.name))[1])
                children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name: state, parent, and so on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_seconds(pid: int) -> float:
    try:
        fields = _stat_fields(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _proportional_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def _status_mb(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def busy_seconds() -> float:
    """Return the processor time of the whole machine so far, idle and waiting left out."""
    user, nice, system, _, _, irq, soft, steal = (
        int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + soft + steal) / TICKS


def _own_seconds() -> float:
    own, ended = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
