"""OWASP API4:2023 Unrestricted Resource Consumption.

Each way to make the service hold much or work long has an end: bytes, documents, characters,
tokens, nesting, numbers, header, time to send, requests a minute and at once. After each attempt
the same server is healthy.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_classifier import FakeClassifier
from keyed import MAX_BYTES, RECEIVE_SECONDS, Keys
from server_process import ServerProcess, ask, ask_json, ask_raw, until
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.app import create_app
from critech_service.schemas import MAX_DOCUMENTS, MAX_TEXT
from critech_service.serving import Serving
from critech_service.settings import Settings

CLASSIFY = "/v1/classify"
TEXT = "A rocket motor."
PATIENCE = 120.0


@pytest.fixture(autouse=True)
def healthy_after(server: ServerProcess) -> Iterator[None]:
    yield
    assert ask(server.where, "GET", "/readyz").status == 200
    assert _megabytes(server.pid) < 1_000


def _megabytes(pid: int) -> float:
    (line,) = [
        one
        for one in Path(f"/proc/{pid}/status").read_text().splitlines()
        if one.startswith("VmRSS")
    ]
    return int(line.split()[1]) / 1024


def status(server: ServerProcess, keys: Keys, body: Any, **headers: str) -> int:
    content = (
        body if isinstance(body, bytes) or not isinstance(body, dict) else json.dumps(body).encode()
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    whole = {"Content-Type": "application/json", **keys.header("all"), **named}
    return ask(server.where, "POST", CLASSIFY, content, whole).status


def test_large_bodies(server: ServerProcess, keys: Keys) -> None:
    """By declared length, by real length without one, and by a declared one that is not kept."""
    assert status(server, keys, b" " * (MAX_BYTES + 1)) == 413
    assert status(server, keys, iter([b" " * 65_536] * 40)) == 413
    head = f"POST {CLASSIFY} HTTP/1.1\r\nHost: x\r\nX-API-Key: {keys.tokens['all']}\r\n"
    huge = ask_raw(server.where, (head + "Content-Length: 999999999999\r\n\r\n").encode())
    assert b" 413 " in huge.splitlines()[0]
    odd = ask_raw(server.where, (head + "Content-Length: -1\r\n\r\n").encode())
    assert b" 400 " in odd.splitlines()[0]


def test_an_endless_body_ends_early(server: ServerProcess, keys: Keys) -> None:
    """A gigabyte is offered; a fraction of it is taken before the connection is closed."""
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(16_384):
            taken += 65_536
            yield b" " * 65_536

    assert status(server, keys, endless()) == 413
    assert taken < 100_000_000


@pytest.mark.parametrize("opening", [b"[", b'{"documents":', b'{"documents":[{"text":', b'{"a":['])
def test_deep_nesting(server: ServerProcess, keys: Keys, opening: bytes) -> None:
    deep = opening * (MAX_BYTES // len(opening) - 1)
    assert status(server, keys, deep) in (400, 422)
    assert status(server, keys, b"[" * 100_000 + b"]" * 100_000) in (400, 422)


@pytest.mark.parametrize(
    "number", ["9" * 5_000, "1" + "0" * 400_000, "1e999999", "-" + "9" * 400, "0." + "1" * 100_000]
)
def test_huge_numbers(server: ServerProcess, keys: Keys, number: str) -> None:
    """Converting digits takes time by their square; the parser has an end before that."""
    for name in ("top_k", "min_score"):
        body = f'{{"documents": [{{"text": "{TEXT}"}}], "{name}": {number}}}'.encode()
        assert status(server, keys, body) in (200, 400, 422)


def test_many_and_long_documents(server: ServerProcess, keys: Keys) -> None:
    assert status(server, keys, {"documents": [{"text": TEXT}] * (MAX_DOCUMENTS + 1)}) == 422
    assert status(server, keys, {"documents": [{"text": "x" * (MAX_TEXT + 1)}]}) == 422
    assert status(server, keys, {"documents": [{"text": TEXT, "ipc": ["F"] * 65}]}) == 422
    assert status(server, keys, {"documents": [{"text": TEXT}], "taxonomies": ["x"] * 17}) == 422


def test_many_fields_and_repeated_names(server: ServerProcess, keys: Keys) -> None:
    """Hashes of names are seeded, and errors are counted and not listed."""
    many = {f"field{n}": n for n in range(20_000)}
    answer = ask_json(server.where, CLASSIFY, many, **keys.header("all"))
    assert answer.status == 422
    assert len(answer.body) < 10_000
    twice = ('{"documents": [], ' + '"documents": [],' * 20_000 + '"top_k": 1}').encode()
    assert status(server, keys, twice) == 422


def test_compression_is_not_undone(server: ServerProcess, keys: Keys) -> None:
    """100 KB that would be 100 MB stay 100 KB: nothing decompresses a body."""
    bomb = gzip.compress(b'{"documents": [{"text": "' + b"a" * 100_000_000 + b'"}]}', 9)
    assert len(bomb) < MAX_BYTES
    before = _megabytes(server.pid)
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        assert status(server, keys, bomb, Content_Encoding=coding) in (400, 415, 422)
    assert _megabytes(server.pid) < before + 80


def test_large_heads(server: ServerProcess) -> None:
    for data in (
        b"GET /" + b"a" * 200_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 200_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Many: 1\r\n" * 30_000,
    ):
        said = ask_raw(server.where, data + b"\r\n\r\n")
        assert said == b"" or b" 400 " in said.splitlines()[0] or b" 431 " in said.splitlines()[0]


def test_slow_heads_are_cut_off(server: ServerProcess) -> None:
    """Connections that say nothing, or a header now and then: each is closed in time, and while
    they stand others are served. uvicorn by itself would keep them for ever."""
    host, _, port = server.where.rpartition(":")
    connections = [socket.create_connection((host, int(port)), PATIENCE) for _ in range(60)]
    try:
        for connection in connections[::2]:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        start = time.monotonic()
        assert ask(server.where, "GET", "/healthz").status == 200
        trickler = connections[0]
        while time.monotonic() - start < PATIENCE:
            try:
                trickler.sendall(b"X-A: b\r\n")
            except OSError:
                break
            time.sleep(0.2)
        else:
            pytest.fail("a head that never ends is still listened to")
        assert time.monotonic() - start >= RECEIVE_SECONDS / 2
        assert [connection.recv(1) for connection in connections[1:]] == [b""] * 59
    finally:
        for connection in connections:
            connection.close()


def test_slow_bodies_are_cut_off(server: ServerProcess, keys: Keys) -> None:
    """A byte now and then does not buy more time."""
    host, _, port = server.where.rpartition(":")
    head = (
        f"POST {CLASSIFY} HTTP/1.1\r\nHost: x\r\nX-API-Key: {keys.tokens['all']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(head.encode())
        connection.settimeout(0.2)
        said = b""

        def answered() -> bool:
            nonlocal said
            try:
                connection.sendall(b" ")
                said += connection.recv(65536)
            except TimeoutError:
                return False
            except OSError:
                return True
            return b"\r\n\r\n" in said

        until(answered, PATIENCE)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in said
    assert b"no-store" in said


def test_a_kept_connection_is_not_cut_off_between_requests_in_time(server: ServerProcess) -> None:
    """The limits are on sending: a client that pauses within them and then asks is served, and an
    answer may take longer than a request may."""
    host, _, port = server.where.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            said = b""
            while not said.endswith(b"}"):
                said += connection.recv(65536)
            assert said.startswith(b"HTTP/1.1 200")
            time.sleep(RECEIVE_SECONDS / 4)


def test_requests_a_minute_and_at_once(classifier: Classifier) -> None:
    with TestClient(create_app(Settings(rate_limit=5), classifier)) as client:
        found = [client.get("/v1/model") for _ in range(8)]
    assert [one.status_code for one in found] == [200] * 5 + [429] * 3
    assert int(found[-1].headers["retry-after"]) >= 1


def test_more_requests_at_once_than_a_key_has() -> None:
    fake: Any = FakeClassifier()
    with TestClient(create_app(Settings(concurrency_limit=1), Serving(fake, owned=False))) as one:
        body = {"documents": [{"text": "wait"}]}
        first = threading.Thread(target=one.post, args=(CLASSIFY,), kwargs={"json": body})
        first.start()
        assert fake.first_begun.wait(PATIENCE)
        assert one.post(CLASSIFY, json=body).status_code == 429
        assert one.get("/healthz").status_code == 200
        fake.gate.set()
        first.join()
