"""SIGTERM under load: what is in hand is answered, nobody new is taken, and the end is 0."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from server_process import ask_raw, cpu_seconds, running, until

from critech_service.guard import Guard
from load import under_load

PATIENCE = 240.0
DRAINED_SECONDS = 120.0


@pytest.mark.parametrize(("workers", "number"), [("1", signal.SIGINT), ("2", signal.SIGTERM)])
def test_it_drains(tmp_path: Path, workers: str, number: signal.Signals) -> None:
    with running(tmp_path, "--workers", workers) as server, under_load(server.where, 4) as load:
        until(lambda: len(load.answers) > 8, PATIENCE)
        before = len(load.answers)
        server.process.send_signal(number)
        assert server.process.wait(timeout=DRAINED_SECONDS) == 0
        load.stop.set()
    assert load.statuses() == {200}
    assert len(load.answers) >= before
    # a client whose connection was not taken up is refused or reset, none is left half answered
    assert set(load.failures) <= {
        "ConnectionRefusedError",
        "ConnectionResetError",
        "RemoteDisconnected",
    }
    host, _, port = server.where.rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 5)
    assert b"Traceback" not in server.said()


def test_the_request_in_hand_is_answered(tmp_path: Path) -> None:
    """One long request, and the signal while it is worked on."""
    text = "A torpedo with a gas turbine and a pump jet. " * 40
    body = json.dumps({"documents": [{"text": text}] * 2})
    with running(tmp_path) as server:
        connection = http.client.HTTPConnection(server.where, timeout=PATIENCE)
        idle = cpu_seconds(server.pid)
        connection.request("POST", "/v1/classify", body, {"Content-Type": "application/json"})
        until(lambda: cpu_seconds(server.pid) > idle + 0.1, PATIENCE)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: b"Shutting down" in server.said(), PATIENCE)
        with pytest.raises(ConnectionRefusedError):
            ask_raw(server.where, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = connection.getresponse()
        assert answer.status == 200
        assert len(answer.read()) > 1000
        connection.close()
        assert server.process.wait(timeout=DRAINED_SECONDS) == 0


def test_idle_and_half_sent_connections_do_not_hold_it_up(tmp_path: Path) -> None:
    with running(tmp_path, env={"CRITECH_RECEIVE_SECONDS": "2"}) as server:
        host, _, port = server.where.rpartition(":")
        head = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"
        idle, slow = (socket.create_connection((host, int(port)), 30) for _ in range(2))
        with idle, slow:
            slow.sendall(head)
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=DRAINED_SECONDS) == 0
            assert idle.recv(100) == b""


def test_a_request_that_outlasts_the_drain_is_told_so() -> None:
    """uvicorn cancels it; without an answer of ours it would say 500 and log a traceback."""

    async def endless(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    begun = threading.Event()
    free = socket.create_server(("127.0.0.1", 0))
    host, port = free.getsockname()
    config = uvicorn.Config(Guard(endless), timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([free],))
    thread.start()
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    connection.request("GET", "/")
    assert begun.wait(PATIENCE)
    server.should_exit = True
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (503, "close")
    assert answer.getheader("Retry-After") == "5"
    assert "The server stops" in json.loads(answer.read())["detail"]
    thread.join(PATIENCE)
    assert not thread.is_alive()
