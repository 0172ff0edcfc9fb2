"""SIGTERM under load: what is in hand is answered, nobody new is taken, and the end is 0."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import select
import signal
import socket
import threading
from pathlib import Path

import pytest
import uvicorn
from server_process import ServerProcess, ask_raw, cpu_seconds, running, until

from critech_service.command import DRAIN_SECONDS
from critech_service.guard import Guard
from load import BODY, under_load

PATIENCE = 240.0
DRAINED_SECONDS = 120.0
CLIENTS = 4
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def begun(where: str, n_bytes: int) -> socket.socket:
    """Return a connection on which the server has a request in hand, and awaits a body of so many
    bytes: it has said that it will read one."""
    host, _, port = where.rpartition(":")
    connection = socket.create_connection((host, int(port)), PATIENCE)
    connection.sendall(
        b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % n_bytes
    )
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        said += connection.recv(1)
    assert said.startswith(b"HTTP/1.1 100 ")
    return connection


def answered(connection: socket.socket) -> tuple[int, bytes]:
    """Return status and body of the answer on a connection."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def taken(server: ServerProcess) -> list[int | None]:
    """Return the statuses of the requests to classify that a server logged."""
    entries = map(json.loads, (server.base / "stderr").read_text(encoding="utf-8").splitlines())
    return [entry["status"] for entry in entries if entry.get("route") == "/v1/classify"]


@pytest.mark.parametrize(("workers", "number"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
def test_it_drains(tmp_path: Path, workers: int, number: signal.Signals) -> None:
    """Requests are in hand when the signal comes, and get the rest of their bodies after it."""
    body = json.dumps(BODY).encode()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(tmp_path, "--workers", str(workers)))
        load = stack.enter_context(under_load(server.where, CLIENTS))
        held = [stack.enter_context(begun(server.where, len(body))) for _ in range(CLIENTS)]
        until(lambda: len(load.answers) > 8, PATIENCE)
        server.process.send_signal(number)
        until(lambda: server.said().count(b"Shutting down") == workers, PATIENCE)
        until(lambda: "ConnectionRefusedError" in load.failures, PATIENCE)
        assert server.process.poll() is None
        for connection in held:
            connection.sendall(body)
        for connection in held:
            status, content = answered(connection)
            assert status == 200
            results = json.loads(content)["results"]
            assert [one["id"] for one in results] == [one["id"] for one in BODY["documents"]]
        assert server.process.wait(timeout=DRAINED_SECONDS) == 0
    assert load.statuses() == {200}
    assert taken(server) == [200] * (len(load.answers) + CLIENTS)
    # a client whose connection was not taken up is reset, and from then on refused
    cut = [failure for failure in load.failures if failure != "ConnectionRefusedError"]
    assert set(cut) <= {"ConnectionResetError", "RemoteDisconnected"}
    assert len(cut) <= CLIENTS
    assert b"Traceback" not in server.said()


def test_the_request_in_hand_is_answered(tmp_path: Path) -> None:
    """One long request, and the signal while it is worked on."""
    text = "A torpedo with a gas turbine and a pump jet. " * 40
    body = json.dumps({"documents": [{"id": str(i), "text": text} for i in range(16)]})
    with running(tmp_path) as server:
        connection = http.client.HTTPConnection(server.where, timeout=PATIENCE)
        idle = cpu_seconds(server.pid)
        connection.request("POST", "/v1/classify", body, {"Content-Type": "application/json"})
        until(lambda: cpu_seconds(server.pid) > idle + 0.1, PATIENCE)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: b"Shutting down" in server.said(), PATIENCE)
        assert not select.select([connection.sock], [], [], 0)[0], "it was answered before"
        with pytest.raises(ConnectionRefusedError):
            ask_raw(server.where, HEALTH)
        answer = connection.getresponse()
        assert answer.status == 200
        results = json.loads(answer.read())["results"]
        assert [one["id"] for one in results] == [str(i) for i in range(16)]
        connection.close()
        assert server.process.wait(timeout=DRAINED_SECONDS) == 0


def test_idle_and_half_sent_connections_do_not_hold_it_up(tmp_path: Path) -> None:
    with running(tmp_path, env={"CRITECH_RECEIVE_SECONDS": "2"}) as server:
        host, _, port = server.where.rpartition(":")
        with (
            socket.create_connection((host, int(port)), 30) as idle,
            begun(server.where, 99) as slow,
        ):
            slow.sendall(b"{")
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=DRAIN_SECONDS / 2) == 0
            assert idle.recv(100) == b""
            assert answered(slow)[0] == 408


def test_a_request_that_outlasts_the_drain_is_told_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvicorn cancels it; without an answer of ours it would say 500 and log a traceback."""

    async def endless(*_: object) -> None:
        is_begun.set()
        await asyncio.Event().wait()

    is_begun = threading.Event()
    free = socket.create_server(("127.0.0.1", 0))
    host, port = free.getsockname()
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "handlers", [caplog.handler])
    config = uvicorn.Config(
        Guard(endless),
        timeout_graceful_shutdown=1,
        lifespan="off",
        log_config=None,
        log_level="info",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([free],))
    thread.start()
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    connection.request("GET", "/")
    assert is_begun.wait(PATIENCE)
    server.should_exit = True
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (503, "close")
    assert answer.getheader("Retry-After") == "5"
    assert "The server stops" in json.loads(answer.read())["detail"]
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert "timeout graceful shutdown exceeded" in caplog.text
    assert not [record for record in caplog.records if record.exc_info]
