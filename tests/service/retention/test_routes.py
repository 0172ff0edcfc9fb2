"""Zero retention over HTTP: canaries through every route and every error of a real server, and then
a look at all that it wrote, said and answered."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from canary import Canary, Search
from pushes import BODIES, JSON, LINES, canaries, pushes
from rounds import SINKS, Round, no_http, refused, too_many, too_slow, unavailable
from server_process import ask_json, running, until
from span_collector import span_collector

from critech import Classifier
from critech.bundle import default_path
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.settings import Settings

MAX_BYTES = 700_000
PATIENCE = 120.0
ERRORS = {400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 503}  # 500 is in test_failures.py
MEMORY = Path("/dev/shm")
AUDIT = "audit secret of more than thirty-two bytes"


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
        "CRITECH_SHADOW_BUNDLE": str(default_path()),
    }
    with span_collector() as spans, running(base, env={**env, **spans.env()}) as server:
        made = canaries()
        found = Round(server, made, token, spans)
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
    assert b'critech_requests_total{method="POST",route="/v1/classify"' in SINKS["metrics"](
        made_round
    )
    # the shadow compares when it has time for it
    until(lambda: b"documents" in SINKS["disagreements"](made_round), PATIENCE)
    spans = SINKS["spans"](made_round)
    assert spans.count(b"POST /v1/classify") > 10
    assert b"inference" in spans


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


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder of which nothing reaches a disk: for the log, which is no secret."""
    if not MEMORY.is_dir():
        pytest.skip("there is no folder in memory")
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def test_nothing_was_written_below_python(in_memory: Path) -> None:
    """A server without an audit log makes the kernel write not one byte to a disk: by its own
    count, which compiled code cannot pass by. And it holds no file open that it could write to."""
    with running(in_memory) as server:
        counter = Path(f"/proc/{server.pid}/io")
        if not counter.exists():
            pytest.skip("this kernel does not count what a process writes")
        before = _written(counter)
        for name, body in BODIES.items():
            if "{" not in name:
                media_type = LINES if name.endswith("/stream") else JSON
                ask_json(server.where, name, body(canaries()), Content_Type=media_type)
        assert _written(counter) == before
        fds = [_target(link) for link in Path(f"/proc/{server.pid}/fd").iterdir()]
        assert server.files() == []
        places = (str(in_memory), "/dev/null", "socket:", "pipe:", "anon_inode:")
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
