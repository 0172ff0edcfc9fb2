"""Several workers: one that is killed costs its own requests and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_process import (
    SERVE,
    ServerProcess,
    ask,
    ask_json,
    is_running,
    prepared,
    running,
    until,
)

from critech.audit_verify import verify
from critech.bundle import MANIFEST, default_path
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.screen_schemas import SCREEN_EXAMPLE
from load import BODY, under_load

CLIENTS = 3
PATIENCE = 240.0  # of a machine that is busy with other things


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    base = tmp_path_factory.mktemp("workers")
    env = {
        "CRITECH_WORKERS": "2",
        "CRITECH_AUDIT_LOG": str(base / "audit.jsonl"),
        "CRITECH_AUDIT_HMAC_KEY": "x" * 32,
    }
    with running(base, env=env) as server:
        until(lambda: len(server.workers()) == 2, PATIENCE)
        yield server


def ready_workers(server: ServerProcess) -> list[int]:
    """Return the workers that have started up: each says so after its first line."""
    complete = server.said().count(b"Application startup complete")
    started = len(re.findall(rb"Started server process", server.said()))
    return server.workers() if complete == started else []


def test_a_killed_worker_under_load(
    server: ServerProcess, record_property: Callable[[str, object], None]
) -> None:
    """Each client loses one request at most, the one that the dead worker had in hand. Others are
    answered in the meantime, and two workers are ready again."""
    until(lambda: len(ready_workers(server)) == 2, PATIENCE)
    victim, other = ready_workers(server)
    with under_load(server.where, CLIENTS) as load:
        until(lambda: len(load.answers) > 2 * CLIENTS, PATIENCE)
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: ask(server.where, "GET", "/readyz").status == 200, PATIENCE)
        at_once = time.monotonic() - killed
        so_far = len(load.answers)
        until(lambda: len(ready_workers(server)) == 2, PATIENCE)
        both = time.monotonic() - killed
        until(lambda: len(load.answers) > so_far + 2 * CLIENTS, PATIENCE)
    record_property("ready_seconds", round(at_once, 2))
    record_property("both_ready_seconds", round(both, 2))
    print(f"ready after {at_once:.2f} s, both workers after {both:.2f} s")  # noqa: T201
    assert at_once < PATIENCE / 4
    assert load.statuses() == {200}
    assert len(load.failures) <= CLIENTS
    assert victim not in server.workers()
    assert other in server.workers()
    expected = ask_json(server.where, "/v1/classify", BODY).json()
    assert all(answer.json() == expected for answer in load.answers)


def test_workers_share_the_audit_log(server: ServerProcess) -> None:
    """Whichever of them answers, the chain is one; also past a killed writer."""
    before = verify([server.base / "audit.jsonl"]).records
    until(lambda: len(ready_workers(server)) == 2, PATIENCE)
    body = {**SCREEN_EXAMPLE, "explain": False}
    for turn in range(6):
        if turn == 3:
            os.kill(server.workers()[0], signal.SIGKILL)
        until(lambda: _screened(server, body), PATIENCE)
    report = verify([server.base / "audit.jsonl"])
    assert list(report.findings) == []
    assert report.records >= before + 6


def _screened(server: ServerProcess, body: object) -> bool:
    try:
        return ask_json(server.where, "/v1/screen", body).status == 200
    except OSError:
        return False


def test_a_hung_worker_is_no_reason_to_wait_for_it(server: ServerProcess) -> None:
    """A stopped worker holds what it had taken up; the other one goes on answering."""
    until(lambda: len(ready_workers(server)) == 2, PATIENCE)
    stopped = server.workers()[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        answered = []
        for _ in range(20):
            try:
                answered.append(ask(server.where, "GET", "/healthz", timeout=1).status)
            except TimeoutError:
                answered.append(0)
        assert answered.count(200) >= 5
    finally:
        os.kill(stopped, signal.SIGCONT)


def test_keys_on_a_unix_socket_with_workers(tmp_path: Path) -> None:
    """A key made while the server runs counts in every worker, a revoked one in none."""
    keys_file, where = tmp_path / "keys.json", str(tmp_path / "s")
    first, token = new_key("first", (Scope.CLASSIFY,))
    update_keys(keys_file, lambda _: KeyFile(keys=(first,)))
    options = ["--workers", "2", "--uds", where, "--keys-file", str(keys_file)]
    with running(tmp_path, *options) as server:
        until(lambda: len(ready_workers(server)) == 2, PATIENCE)
        second, other = new_key("second", (Scope.CLASSIFY,))
        update_keys(keys_file, lambda _: KeyFile(keys=(second,)))
        found = [
            (key == other, ask(where, "GET", "/v1/model", headers={"X-API-Key": key}).status)
            for key in (token, other) * 6
        ]
        assert set(found) == {(True, 200), (False, 401)}
        assert server.stop() == 0
        assert not Path(where).exists()


def test_a_dead_supervisor_leaves_no_worker(tmp_path: Path) -> None:
    """Else workers that nobody watches would hold the port, and a new server could not have it."""
    with running(tmp_path, "--workers", "2") as server:
        until(lambda: len(ready_workers(server)) == 2, PATIENCE)
        workers = server.workers()
        server.process.kill()
        server.process.wait()
        until(lambda: not any(is_running(pid) for pid in workers), PATIENCE)


def test_a_bundle_that_breaks_while_it_serves(tmp_path: Path) -> None:
    """The worker that is left goes on; a new one is tried until the bundle is whole again."""
    bundle = tmp_path / "bundle"
    shutil.copytree(default_path(), bundle)
    with running(tmp_path, "--workers", "2", "--bundle", str(bundle)) as server:
        until(lambda: len(ready_workers(server)) == 2, PATIENCE)
        good = (bundle / MANIFEST).read_bytes()
        (bundle / MANIFEST).write_bytes(b"{")
        victim, other = server.workers()
        os.kill(victim, signal.SIGKILL)
        until(lambda: server.said().count(b"a worker cannot start") >= 1, PATIENCE)
        assert ask(server.where, "GET", "/readyz").status == 200
        assert server.workers() == [other]
        assert b"Traceback" not in server.said()
        (bundle / MANIFEST).write_bytes(good)
        until(lambda: len(server.workers()) == 2, PATIENCE)


@pytest.mark.parametrize(
    ("options", "code"), [(["--bundle", "/none"], 3), (["--keys-file", "/none"], 1)]
)
def test_what_is_wrong_from_the_start_ends_at_once(
    tmp_path: Path, options: list[str], code: int
) -> None:
    done = subprocess.run(
        [*SERVE, "--workers", "2", "--port", "0", *options],
        env=prepared(tmp_path), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code
    assert done.stderr.count("\n") == 1


def test_a_taken_port_ends_with_1(server: ServerProcess, tmp_path: Path) -> None:
    port = server.where.rpartition(":")[2]
    done = subprocess.run(
        [*SERVE, "--workers", "2", "--port", port],
        env=prepared(tmp_path), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert json.loads(ask(server.where, "GET", "/healthz").body) == {"status": "ok"}
