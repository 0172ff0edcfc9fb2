"""A real server, canaries through every opening: none is in a log line or a metric."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

SECRET = "canary-3e8d"


class Server:
    """`critech serve` in a process of its own, with what it writes to standard error."""

    def __init__(self, **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "critech.cli", "serve", "--port", "0"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "CRITECH_THREADS": "2", **env},
        )
        self.lines: list[str] = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"running on (http://[\d.:]+)", line):
                self.address = found[1]
                break

    def stop(self) -> None:
        """End the server; read what it wrote."""
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=60)
        self.lines += rest.splitlines(keepends=True)
        assert self.process.returncode == 0

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Send a request; return status and body."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}{path}", content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def push_canaries(server: Server) -> list[int]:
    headers = {
        "Content-Type": "application/json", "User-Agent": SECRET, "X-Request-Id": SECRET + " x",
        "Authorization": f"Bearer {SECRET}", "Cookie": SECRET, "X-Forwarded-For": SECRET,
        "Referer": SECRET, f"X-{SECRET}": SECRET, "tracestate": f"a={SECRET}",
    }  # fmt: skip
    document = {"id": SECRET, "title": SECRET, "text": f"A torpedo tube {SECRET}.", "ipc": [SECRET]}
    filing = {"id": SECRET, "title": SECRET, "abstract": f"{SECRET} torpedo", "claims": SECRET}
    v1 = f"/v1/taxonomies/{SECRET}/labels/{SECRET}?{SECRET}={SECRET}"
    return [
        server.send(method, path, body, **headers)[0]
        for method, path, body in [
            ("POST", f"/v1/classify?q={SECRET}", {"documents": [document]}),
            ("POST", "/v1/classify", {"documents": [{**document, "language": SECRET}]}),
            ("POST", "/v1/classify", {"documents": [{SECRET: SECRET}]}),
            ("POST", "/v1/classify", f'{{"{SECRET}'.encode()),
            ("POST", "/v1/classify", SECRET.encode() * 200_000),
            ("POST", "/v1/screen", {"filings": [filing], "explain": False}),
            ("GET", v1, None),
            ("GET", f"/{SECRET}?q={SECRET}", None),
            (SECRET.upper(), f"/{SECRET}", None),
            ("POST", f"/annif/v1/projects/{SECRET}/suggest", f"text={SECRET}".encode()),
            ("POST", f"/v2/models/{SECRET}/infer", {"id": SECRET}),
            ("GET", f"/metrics?name[]={SECRET}", None),
        ]
    ]


def push_what_is_no_http(server: Server) -> None:
    host, _, port = server.address.removeprefix("http://").partition(":")
    for content in (f"{SECRET} {SECRET}\r\n\r\n", f"GET / HTTP/1.1\r\n{SECRET}\r\n\r\n"):
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(content.encode())
            assert b"400" in connection.recv(1_000)
    upgrade = f"GET /{SECRET} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(f"{upgrade}Sec-WebSocket-Key: {SECRET}\r\n\r\n".encode())
        assert connection.recv(1_000)


@pytest.fixture
def json_server() -> Iterator[Server]:
    server = Server(CRITECH_LOG_LEVEL="debug")
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()


def test_no_canary_in_logs_and_metrics(json_server: Server) -> None:
    server = json_server
    assert push_canaries(server) == [200, 422, 422, 400, 413, 200, 404, 404, 404, 404, 404, 200]
    push_what_is_no_http(server)
    ok = server.send("GET", "/v1/model", None, **{"X-Request-Id": "office-00017"})
    assert ok[0] == 200
    _, metrics = server.send("GET", "/metrics")
    checks = json.loads(server.send("GET", "/readyz")[1])["checks"]
    assert checks == {"bundle": True, "self_test": True, "queue": True, "not_stopping": True}
    server.stop()
    assert SECRET not in metrics.lower()
    assert 'route="unmatched"' in metrics
    written = "".join(server.lines)
    assert SECRET not in written.lower()
    entries = [json.loads(line) for line in server.lines]  # every single line is one
    assert all({"time", "level", "logger", "event", "request_id"} <= set(one) for one in entries)
    requests = [one for one in entries if one["event"] == "request"]
    assert len(requests) >= 14
    first = requests[0]
    assert (first["route"], first["method"], first["status"]) == ("/v1/classify", "POST", 200)
    assert first["documents"] == 1
    assert first["tokens"] > 5
    assert first["bytes_in"] > 50
    assert first["bytes_out"] > 500
    assert first["duration_ms"] > 0
    (named,) = [one for one in requests if one["request_id"] == "office-00017"]
    assert named["route"] == "/v1/model"
    refused = [one["refusal"] for one in requests if one["status"] in (400, 413, 422)]
    assert refused == ["validation", "validation", "malformed", "body_size"]
    assert [one["level"] for one in requests if one["route"] == "/metrics"] == ["debug", "debug"]


def test_lines_for_people() -> None:
    server = Server(CRITECH_LOG_FORMAT="text")
    server.send("GET", f"/v1/taxonomies/{SECRET}")
    server.send("GET", "/readyz")
    server.stop()
    (line,) = [line for line in server.lines if " request " in line]
    assert re.search(r"Z info critech.request request .*route=/v1/taxonomies/{taxonomy_id}", line)
    assert "status=404" in line
    assert SECRET not in "".join(server.lines)
