"""``critech serve`` in a process of its own, with a home, a temporary folder and a working folder
that are empty at the start, and a client that says no more than it is told to."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WATCH = Path(__file__).parent / "watch"
START_SECONDS = 240
SERVE = [sys.executable, "-m", "critech.cli", "serve"]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)

    def head(self) -> bytes:
        return "\n".join(f"{name}: {value}" for name, value in self.headers).encode("latin-1")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(
    where: str,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] | None = None,
    headers: Mapping[str, str | bytes] | None = None,
    timeout: float = 240,
) -> Answer:
    """Return the answer of a server at ``host:port`` or on a UNIX socket."""
    make = UnixConnection if where.startswith("/") else http.client.HTTPConnection
    connection = make(where, timeout=timeout)
    is_chunked = body is not None and not isinstance(body, bytes)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        elif is_chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answered before the end
            connection.endheaders(body, encode_chunked=is_chunked)
        found = connection.getresponse()
        return Answer(found.status, found.getheaders(), found.read())
    finally:
        connection.close()


def ask_json(where: str, path: str, body: object, timeout: float = 240, **headers: str) -> Answer:
    """Return the answer to a POST of JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps(body).encode()
    return ask(where, "POST", path, content, {"Content-Type": "application/json", **named}, timeout)


def ask_raw(where: str, data: bytes, timeout: float = 20) -> bytes:
    """Return all that comes back for these bytes until the server closes."""
    host, _, port = where.rpartition(":")
    with socket.create_connection((host, int(port)), timeout) as connection:
        connection.sendall(data)
        found = b""
        with contextlib.suppress(ConnectionResetError):  # it closed with some of this unread
            while piece := connection.recv(65536):
                found += piece
        return found


@dataclass
class ServerProcess:
    """A running server. ``space`` holds the folders that it may write to by mistake."""

    process: subprocess.Popen[bytes]
    base: Path
    where: str

    @property
    def space(self) -> Path:
        return self.base / "space"

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> bytes:
        """Return standard output and standard error so far."""
        return (self.base / "stdout").read_bytes() + (self.base / "stderr").read_bytes()

    def notes(self, kind: str) -> list[str]:
        """Return what was noted of this kind: ``write``, ``call`` or ``run``."""
        lines = (self.base / "notes").read_text(encoding="utf-8").splitlines()
        pairs = [line.partition("\t") for line in lines]
        return [what for name, _, what in pairs if name == kind]

    def files(self) -> list[str]:
        """Return the files in the three folders."""
        return sorted(
            str(path.relative_to(self.space)) for path in self.space.rglob("*") if not path.is_dir()
        )

    def workers(self) -> list[int]:
        """Return the process ids of the workers that serve, oldest first."""
        started = re.findall(rb"Started server process \[(\d+)\]", self.said())
        return [int(pid) for pid in started if is_running(int(pid))]

    def stop(self, timeout: float = 120) -> int:
        """End it by SIGTERM; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=timeout)


def is_running(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def prepared(base: Path) -> dict[str, str]:
    """Return an environment whose folders are fresh and whose Python notes what it does."""
    folders = {name: base / "space" / name for name in ("home", "tmp", "work")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CRITECH_", "XDG_", "ORT_", "OTEL_")) and name != "CI"
    }
    return {
        **kept,
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["tmp"]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(WATCH), *filter(None, sys.path)]),
        "WATCH_NOTES": str(base / "notes"),
        "CRITECH_THREADS": "1",
        "CRITECH_HOST_NAMES": "x",
    }


def dump_core() -> None:
    """Let the process dump core where it does not forbid that itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


@contextlib.contextmanager
def running(
    base: Path,
    *options: str,
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = SERVE,
    before: Sequence[str] = (),
    preexec: Callable[[], None] = dump_core,
) -> Iterator[ServerProcess]:
    """Yield a server that is ready; end it if the test has not. ``before`` is a command that runs
    the server, ``preexec`` runs in the child before it."""
    environment = {**prepared(base), **(env or {})}
    places = [] if "--uds" in options else ["--port", "0"]
    whole = [*before, *command, *places, *options]
    with (base / "stdout").open("wb") as out, (base / "stderr").open("wb") as err:
        process = subprocess.Popen(
            whole, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
            cwd=base / "space" / "work", preexec_fn=preexec,  # noqa: PLW1509
        )  # fmt: skip
    server = ServerProcess(process, base, "")
    try:
        server.where = _until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
        if process.poll() is None:
            process.kill()
            process.wait()


def _until_ready(server: ServerProcess) -> str:
    def ready() -> str | None:
        assert server.process.poll() is None, server.said().decode()
        found = re.search(rb"running on (?:https?://|unix:)([^\s\x22]+)", server.said())
        if found is None:
            return None
        where = found[1].decode()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return where if ask(where, "GET", "/readyz").status == 200 else None
        return None

    return until(ready, START_SECONDS)


def until(probe: Callable[[], Any], seconds: float) -> Any:
    """Return the first true value of a probe; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        if found := probe():
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
