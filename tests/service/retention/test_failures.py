"""Zero retention when things break: exceptions that quote the text, no memory, killed processes,
core dumps, a full disk, a broken bundle."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from canary import Canary, Search
from server_process import (
    Answer,
    ServerProcess,
    ask,
    ask_json,
    cpu_seconds,
    prepared,
    running,
    until,
)

from critech.bundle import MANIFEST, default_path

CANARY = Canary("text")
FAILING = [sys.executable, str(Path(__file__).with_name("failing_server.py"))]
ERRORS = ("Value", "Key", "Unicode", "Memory", "Recursion", "OS", "Assertion", "Group", "Stop",
          "Exit")  # fmt: skip
PR_GET_DUMPABLE = 3


def classify(text: str) -> dict[str, Any]:
    return {"documents": [{"id": CANARY.text, "title": CANARY.text, "text": text}]}


def screen(text: str) -> dict[str, Any]:
    return {"filings": [{"title": text, "abstract": text, "claims": text}]}


def leaks(server: ServerProcess, *answers: Answer) -> list[str]:
    """Return what of the canary is in answers, output and files."""
    files = [path.read_bytes() for path in server.base.rglob("*") if path.is_file()]
    return Search([CANARY]).found(*(one.body for one in answers), *files)


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    base = tmp_path_factory.mktemp("failing")
    with running(base, command=FAILING, env={"CRITECH_LOG_LEVEL": "debug"}) as server:
        yield server


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("path", ["/v1/classify", "/v1/screen", "/v2/models/critech/infer"])
def test_an_exception_that_quotes_the_text(failing: ServerProcess, error: str, path: str) -> None:
    text = f"{error} {CANARY.text}"
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    bodies = {"/v1/classify": classify(text), "/v1/screen": screen(text)}
    answer = ask_json(failing.where, path, bodies.get(path, {"inputs": [tensor]}))
    assert answer.status == 500
    assert answer.header("Cache-Control") == "no-store"
    assert answer.json()["errors"] == []
    assert leaks(failing, answer) == []
    assert failing.files() == []
    assert b"Traceback" not in failing.said()


@pytest.mark.parametrize("error", ERRORS)
def test_an_exception_in_a_stream_that_quotes_the_text(failing: ServerProcess, error: str) -> None:
    """It costs its own line, whatever it is."""
    lines = [{"text": f"{error} {CANARY.text}"}, {"text": f"A torpedo {CANARY.text}"}]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    answer = ask(failing.where, "POST", "/v1/classify/stream", body, headers)
    assert answer.status == 200
    failed, answered = map(json.loads, answer.body.splitlines())
    assert (failed["status"], failed["line"], failed["errors"]) == (500, 1, [])
    assert answered["line"] == 2
    assert leaks(failing, answer) == []
    assert b"Traceback" not in failing.said()


def test_a_bundle_that_is_broken_when_read_again(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(default_path(), bundle)
    with running(tmp_path, "--bundle", str(bundle)) as server:
        kept = (bundle / MANIFEST).read_bytes()
        (bundle / MANIFEST).write_text(json.dumps({"name": CANARY.text, CANARY.word: CANARY.text}))
        answer = ask_json(server.where, "/v1/admin/reload", None)
        assert answer.status == 424
        (bundle / MANIFEST).write_bytes(kept)
        assert leaks(server, answer) == []
        assert ask_json(server.where, "/v1/classify", classify("A torpedo.")).status == 200


def test_out_of_memory(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGESIZE") + 2_000_000
        resource.prlimit(server.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        texts = [f"{CANARY.text} {i} " * 400 for i in range(8)]
        body = {"documents": [{"text": text} for text in texts]}
        answers = []
        with contextlib.suppress(OSError, http.client.HTTPException):  # it may die of it
            answers.append(ask_json(server.where, "/v1/classify", body))
        # 400: memory ran out while the body was read, which FastAPI takes for the body's fault
        assert [answer.status for answer in answers] in ([], [400], [500])
        assert leaks(server, *answers) == []
        assert server.files() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_process_that_dies_at_work(tmp_path: Path, number: signal.Signals) -> None:
    """The limit on core dumps is lifted again from outside where that is allowed, so that what is
    shown is the flag: a kernel that pipes dumps into a program asks for nothing else."""
    with running(tmp_path) as server:
        with contextlib.suppress(PermissionError):
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(server.pid, resource.RLIMIT_CORE, unlimited)
        body = {"documents": [{"text": CANARY.text * 40}] * 8, "explain": True}
        ended: list[str] = []

        def send() -> None:
            try:
                ask_json(server.where, "/v1/classify", body)
            except (OSError, http.client.HTTPException) as error:
                ended.append(type(error).__name__)

        client = threading.Thread(target=send)
        idle = cpu_seconds(server.pid)
        client.start()
        until(lambda: cpu_seconds(server.pid) > idle + 0.1, 240)
        os.kill(server.pid, number)
        _, status = os.waitpid(server.pid, 0)
        server.process.returncode = -number
        client.join()
        assert os.WTERMSIG(status) == number
        assert not os.WCOREDUMP(status)
        assert ended
        assert leaks(server) == []
        assert server.files() == []


def test_a_process_without_the_flag_does_dump(tmp_path: Path) -> None:
    """The test above can fail: an ordinary process of the same limits leaves a core dump, where
    the kernel writes any."""
    code = "import os, resource as r; r.setrlimit(r.RLIMIT_CORE, (-1, -1)); os.abort()"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -os.WTERMSIG(status)
    if not os.WCOREDUMP(status):
        pytest.skip("this kernel, or this container's limit, writes no core dumps of anything")


def test_the_limit_and_the_flag_are_set(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as server:
        until(lambda: len(server.workers()) == 2, 240)
        for pid in (server.pid, *server.workers()):
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert re.search(r"Max core file size +0 +0 ", limits)
    code = (
        "import ctypes, sys; from critech.cli import main\n"
        "sys.argv = ['critech', '--version']\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print(ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}, 0, 0, 0, 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1, "not a tester's process"


def test_a_full_disk(tmp_path: Path) -> None:
    """The audit log can take no more: nothing is answered, and no half of a record has a word."""
    env = {
        "CRITECH_AUDIT_LOG": str(tmp_path / "audit.jsonl"),
        "CRITECH_AUDIT_HMAC_KEY": "x" * 32,
        "CRITECH_AUDIT_FSYNC": "off",
    }
    with running(tmp_path, env=env) as server:
        size = (tmp_path / "audit.jsonl").stat().st_size
        limit = (size + 300, resource.RLIM_INFINITY)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limit)
        answers = [ask_json(server.where, "/v1/screen", screen(CANARY.text)) for _ in range(2)]
        assert [answer.status for answer in answers] == [503, 503]
        assert leaks(server, *answers) == []
        classified = ask_json(server.where, "/v1/classify", classify(CANARY.text))
        assert classified.status == 200
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert ask_json(server.where, "/v1/screen", screen(CANARY.text)).status == 200
        assert leaks(server) == []


@pytest.mark.parametrize("part", ["encoder.onnx", MANIFEST])
def test_a_broken_bundle(tmp_path: Path, part: str) -> None:
    """Neither the server nor the command line says a word of what stands in it or was asked."""
    bundle = tmp_path / "bundle"
    shutil.copytree(default_path(), bundle)
    broken = bundle / part
    broken.write_bytes(CANARY.text.encode() + broken.read_bytes()[len(CANARY.text.encode()) :])
    env = prepared(tmp_path)
    for command in (["serve"], ["classify", CANARY.text], ["screen", "--title", CANARY.text,
                    "--abstract", CANARY.text]):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "critech.cli", *command, "--bundle", str(bundle)],
            env=env, capture_output=True, check=False, cwd=tmp_path / "space" / "work",
        )  # fmt: skip
        assert done.returncode == 3
        assert b"Traceback" not in done.stderr
        assert Search([CANARY]).found(done.stdout, done.stderr) == []
    assert [path for path in (tmp_path / "space").rglob("*") if path.is_file()] == []
    assert json.loads((default_path() / MANIFEST).read_text())["files"]
