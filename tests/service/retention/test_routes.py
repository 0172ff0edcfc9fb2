"""Zero retention over HTTP: canaries through every route and every error of a real server, and then
a look at all that it wrote, said and answered.

``SINKS`` lists where a server leaves words; a new one (metrics, traces) joins by one line.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from canary import Canary, Search
from pushes import BODIES, Made, canaries, pushes
from server_process import Answer, ServerProcess, ask, ask_json, ask_raw, running

from critech import Classifier
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.settings import Settings

MAX_BYTES = 700_000
ERRORS = {400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 503}  # 500 is in test_failures.py
AUDIT = "audit secret of more than thirty-two bytes"


@dataclass
class Round:
    """What came of a round of pushes."""

    server: ServerProcess
    made: Made
    token: str
    answers: list[tuple[str, Answer]] = field(default_factory=list)

    def send(self, what: str, *args: Any, **named: Any) -> Answer:
        answer = ask(self.server.where, *args, **named)
        self.answers.append((what, answer))
        return answer


def _get(path: str) -> Callable[[Round], bytes]:
    def read(found: Round) -> bytes:
        answer = ask(found.server.where, "GET", path, headers={"X-API-Key": found.token})
        return answer.head() + answer.body if answer.status == 200 else b""

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
}


@pytest.fixture(scope="module")
def document(classifier: Classifier) -> dict[str, Any]:
    return create_app(Settings(), classifier).openapi()


@pytest.fixture(scope="module")
def made_round(
    document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Round]:
    base = tmp_path_factory.mktemp("retention")
    (base / "audit").mkdir()
    keys_file = base / "keys.json"
    whole, token = new_key("all", tuple(Scope))
    narrow, narrow_token = new_key("narrow", (Scope.SCREEN,))
    update_keys(keys_file, lambda _: KeyFile(keys=(whole, narrow)))
    env = {
        "CRITECH_LOG_LEVEL": "debug",
        "CRITECH_MAX_BODY_BYTES": str(MAX_BYTES),
        "CRITECH_RECEIVE_SECONDS": "2",
        "CRITECH_KEYS_FILE": str(keys_file),
        "CRITECH_RATE_LIMIT": "0",
        "CRITECH_CONCURRENCY_LIMIT": "3",
        "CRITECH_AUDIT_LOG": str(base / "audit" / "audit.jsonl"),
        "CRITECH_AUDIT_HMAC_KEY": AUDIT,
        "CRITECH_AUDIT_FSYNC": "off",
    }
    with running(base, env=env) as server:
        made = canaries()
        found = Round(server, made, token)
        for push in pushes(document, made, MAX_BYTES):
            headers = {**push.headers, "X-API-Key": token}
            found.send(
                f"{push.what}: {push.method} {push.path[:60]}",
                push.method,
                push.path,
                push.body,
                headers,
            )
        refused(found, narrow_token)
        too_many(found)
        too_slow(found)
        no_http(found)
        unavailable(found, keys_file)
        yield found


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


def test_every_error_is_met(made_round: Round) -> None:
    met = {answer.status for _, answer in made_round.answers}
    assert met >= ERRORS | {200}, sorted(met)
    assert made_round.server.process.poll() is None


def test_no_answer_but_a_result_holds_a_word(made_round: Round) -> None:
    search = Search(made_round.made.values())
    errors = [(what, answer) for what, answer in made_round.answers if answer.status != 200]
    if search.found(*(answer.body for _, answer in errors)):
        leaks = [(what, answer.status, search.found(answer.body)) for what, answer in errors]
        pytest.fail(str([leak for leak in leaks if leak[2]]))
    assert len(errors) > 100


def test_no_header_holds_a_word(made_round: Round) -> None:
    search = Search(made_round.made.values())
    assert search.found(*(answer.head() for _, answer in made_round.answers)) == []


def test_a_result_holds_words_only_where_it_is_meant_to(made_round: Round) -> None:
    """Ids come back, evidence quotes, IPC symbols that cannot be read are named: to the caller who
    sent them. Path, query, headers, unknown fields and keys come back nowhere."""
    search = Search(made_round.made[name] for name in ("path", "query", "header", "field", "key"))
    results = [answer.body for _, answer in made_round.answers if answer.status == 200]
    assert search.found(*results) == []
    quoted = Search([made_round.made["text"]]).found(*results)
    assert quoted, "the search sees the quotes of evidence, so it would see a leak"


def test_no_answer_is_to_be_kept(made_round: Round) -> None:
    kept = [
        (what, answer.status)
        for what, answer in made_round.answers
        if answer.header("Cache-Control") != "no-store" or answer.header("Age") is not None
    ]
    assert kept == []


def test_errors_are_problem_details(made_round: Round) -> None:
    """All but those of the protocol of ``/v2``, which has its own form."""
    others = [
        (what, answer.status)
        for what, answer in made_round.answers
        if answer.status != 200
        and answer.header("Content-Type") != "application/problem+json"
        and "/v2/models/" not in what
    ]
    assert others == []


@pytest.mark.parametrize("sink", SINKS)
def test_nothing_stays(made_round: Round, sink: str) -> None:
    search = Search(made_round.made.values())
    assert search.found(SINKS[sink](made_round)) == []


def test_the_sinks_hold_something(made_round: Round) -> None:
    assert b"Started server process" in SINKS["standard output and error"](made_round)
    assert SINKS["audit log"](made_round).count(b'"kind":"screening"') >= 1
    assert b"digest" in SINKS["model"](made_round)


def test_no_file_is_made(made_round: Round) -> None:
    """Neither in home, temporary and working folder nor, by Python, anywhere else but in the audit
    log."""
    server = made_round.server
    assert server.files() == []
    elsewhere = [
        path
        for path in server.notes("write")
        if not path.startswith((str(server.base / "audit"), "/dev/null"))
    ]
    assert elsewhere == []
    assert any("audit.jsonl" in path for path in server.notes("write")), "the watch is at work"
    assert server.notes("call") == []
    assert server.notes("run") == []


def test_nothing_was_written_below_python(tmp_path: Path) -> None:
    """A server without an audit log makes the kernel write not one byte to a disk: by its own
    count, which compiled code cannot pass by. And it holds no file open that it could write to."""
    with running(tmp_path) as server:
        counter = Path(f"/proc/{server.pid}/io")
        if not counter.exists():
            pytest.skip("this kernel does not count what a process writes")
        before = _written(counter)
        for name, body in BODIES.items():
            if "{" not in name:
                ask_json(server.where, name, body(canaries()))
        assert _written(counter) == before
        fds = [_target(link) for link in Path(f"/proc/{server.pid}/fd").iterdir()]
        places = (str(tmp_path), "/dev/null", "socket:", "pipe:", "anon_inode:")
        strange = [fd for fd in fds if not fd.startswith(places)]
        assert strange == []


def _written(counter: Path) -> int:
    lines = dict(line.split(": ") for line in counter.read_text().splitlines())
    return int(lines["write_bytes"])


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return "socket:"


def test_a_canary_in_a_log_is_seen(made_round: Round) -> None:
    """The sinks are searched for real: one more line on standard error and the search finds it."""
    planted = Canary("planted")
    with (made_round.server.base / "stderr").open("a", encoding="utf-8") as file:
        file.write(json.dumps(planted.text) + "\n")
    for sink in ("standard output and error", "files"):
        assert Search([planted]).found(SINKS[sink](made_round))
