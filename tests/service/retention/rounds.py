"""A round of pushes against one server, beyond those that the OpenAPI document lists, and the sinks
where a server leaves words. A new sink joins ``SINKS`` by one line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pushes import BODIES, Made
from server_process import Answer, ServerProcess, ask, ask_raw
from span_collector import SpanCollector


@dataclass
class Round:
    """What came of a round of pushes."""

    server: ServerProcess
    made: Made
    token: str
    spans: SpanCollector
    answers: list[tuple[str, Answer]] = field(default_factory=list)

    def send(self, what: str, *args: Any, **named: Any) -> Answer:
        answer = ask(self.server.where, *args, **named)
        self.answers.append((what, answer))
        return answer


def _get(path: str) -> Callable[[Round], bytes]:
    def read(found: Round) -> bytes:
        answer = ask(found.server.where, "GET", path, headers={"X-API-Key": found.token})
        assert answer.status == 200
        return answer.head() + answer.body

    return read


SINKS: dict[str, Callable[[Round], bytes]] = {
    "standard output and error": lambda found: found.server.said(),
    "files": lambda found: b"".join(
        path.read_bytes() for path in found.server.base.rglob("*") if path.is_file()
    ),
    "names of files": lambda found: "\n".join(map(str, found.server.base.rglob("*"))).encode(),
    "audit log": lambda found: b"".join(
        path.read_bytes() for path in (found.server.base / "audit").glob("audit*")
    ),
    "model": _get("/v1/model"),
    "metrics": _get("/metrics"),
    "disagreements": _get("/v1/admin/shadow"),
    "spans": lambda found: found.spans.caught(),
}


def refused(found: Round, narrow_token: str) -> None:
    """401 and 403: no key, keys that are canaries, a key without the scope."""
    made = found.made
    body = json.dumps(BODIES["/v1/classify"](made)).encode()
    for name, value in (
        ("X-Nothing", "x"),
        ("X-API-Key", made["key"].word),
        ("X-API-Key", f"ck_{made['key'].word[:12]}_{made['key'].word}"),
        ("Authorization", f"Bearer {made['key'].word}"),
        ("Authorization", made["key"].text.encode()),
        ("X-API-Key", narrow_token),
    ):
        headers = {"Content-Type": "application/json", name: value}
        found.send("refused", "POST", "/v1/classify", body, headers)


def too_many(found: Round) -> None:
    """429: more requests at once than a key has."""
    documents = [{"text": found.made["text"].text * 4}] * 8
    body = json.dumps({"documents": documents}).encode()
    headers = {"Content-Type": "application/json", "X-API-Key": found.token}
    threads = [
        threading.Thread(target=found.send, args=("at once", "POST", "/v1/classify", body, headers))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def too_slow(found: Round) -> None:
    """408: a body that never ends."""
    start = f'{{"documents": [{{"text": "{found.made["text"].word}'.encode()
    head = (
        "POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-API-Key: {found.token}\r\nContent-Length: 10000\r\n\r\n"
    )
    found.answers.append(("too slow", _parsed(ask_raw(found.server.where, head.encode() + start))))


def no_http(found: Round) -> None:
    """400 from the parser of HTTP."""
    word = found.made["text"].text.encode()
    for data in (
        word + b"\r\n\r\n",
        b"GET /" + word + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/classify HTTP/1.1\r\nHost: x\r\n" + word + b"\r\n\r\n",
        b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: " + word + b"\r\n\r\n",
        b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + word
        + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + word * 2000,
    ):
        answer = ask_raw(found.server.where, data)
        if answer:
            found.answers.append(("no HTTP", _parsed(answer)))


def unavailable(found: Round, keys_file: Path) -> None:
    """503: the audit log cannot be written, then the keys cannot be read."""
    made, base = found.made, found.server.base
    log = base / "audit" / "audit.jsonl"
    kept = log.rename(base / "audit" / "audit-kept.jsonl")
    log.mkdir()
    body = json.dumps(BODIES["/v1/screen"](made)).encode()
    headers = {"Content-Type": "application/json", "X-API-Key": found.token}
    found.send("no audit log", "POST", "/v1/screen", body, headers)
    log.rmdir()
    kept.rename(log)
    good = keys_file.read_bytes()
    keys_file.write_text(made["key"].text)
    found.send("no keys", "POST", "/v1/classify", body, headers)
    keys_file.write_bytes(good)


def _parsed(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(": ") for line in lines]
    return Answer(int(first.split()[1]), [(name, value) for name, _, value in pairs], body)
