"""Every line is one JSON object, and none holds what a client or another library said."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import subprocess
import sys
from typing import Any

import pytest

from critech_service.observability import logs
from critech_service.observability.request_id import current

SECRET = "canary-71ab"
HOSTILE = 'a"b\\c\n{"level": "forged"}\r\x00\x1b[31m\u2028\ud800日本'


def record(name: str, message: str, *args: Any, **fields: Any) -> logging.LogRecord:
    found = logging.LogRecord(name, logging.ERROR, "/x/critech/file.py", 7, message, args, None)
    found.fields = fields
    return found


def raised() -> tuple[type[BaseException], BaseException, Any]:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        return type(error), error, error.__traceback__


def test_fields_of_a_line() -> None:
    token = current.set("office-00017")
    line = logs.JsonLines().format(
        record("critech.request", "request", route="/v1/classify", status=200, tokens=12, text="x")
    )
    current.reset(token)
    entry = json.loads(line)
    moment = entry.pop("time")
    assert moment.endswith("Z")
    assert len(moment) == len("2026-01-31T10:00:00.000Z")
    assert entry == {
        "level": "error", "logger": "critech.request", "event": "request",
        "request_id": "office-00017", "route": "/v1/classify", "status": 200, "tokens": 12,
    }  # fmt: skip  # text is not on the list of fields


@pytest.mark.parametrize("formatter", [logs.JsonLines(), logs.TextLines()])
def test_hostile_values_stay_on_one_line(formatter: logging.Formatter) -> None:
    line = formatter.format(record("critech", "%s", HOSTILE, route=HOSTILE))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "\x00" not in line
    if isinstance(formatter, logs.JsonLines):
        assert json.loads(line)["event"] == HOSTILE.strip()
        assert line.isascii()


def test_messages_of_other_libraries_are_withheld() -> None:
    entry = json.loads(logs.JsonLines().format(record("asyncio", f"never retrieved: {SECRET}")))
    assert entry["event"] == logs.WITHHELD
    assert (entry["logger"], entry["at"]) == ("asyncio", "file.py:7")


@pytest.mark.parametrize("formatter", [logs.JsonLines(), logs.TextLines()])
def test_of_an_exception_type_and_place_are_written(formatter: logging.Formatter) -> None:
    found = record("uvicorn.error", "Exception in ASGI application\n")
    found.exc_info = raised()
    line = formatter.format(found)
    assert SECRET not in line
    assert "ValueError" in line
    assert "observability/test_logs.py:" in line
    assert "raise" not in line  # no line of code


def test_a_traceback_as_message_is_withheld() -> None:
    found = record("uvicorn.error", f"Traceback (most recent call last):\n  {SECRET}")
    assert json.loads(logs.JsonLines().format(found))["event"] == logs.WITHHELD


def test_a_record_that_cannot_be_formatted_is_withheld() -> None:
    line = logs.JsonLines().format(record("critech", "%d", SECRET))
    assert SECRET not in line
    assert json.loads(line)["event"] == logs.WITHHELD


def test_a_handler_that_fails_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    handler = logs.Stderr()
    handler.setFormatter(logs.JsonLines())
    handler.handle(record("critech", "said", route=object()))  # no JSON
    assert stream.getvalue() == ""
    handler.handle(record("critech", "said"))
    assert json.loads(stream.getvalue())["event"] == "said"


CRASH = """
import sys, threading, warnings
from critech_service.observability.logs import start_logging
start_logging(sys.argv[1], "info")
def fail():
    secret = "canary-71ab"
    raise ValueError(secret)
class Dies:
    def __del__(self):
        fail()
warnings.warn("canary-71ab")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
one = Dies()
del one
fail()
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_nobody_catches_shows_no_message(form: str) -> None:
    command = [sys.executable, "-c", CRASH, form]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    assert sum("uncaught exception" in line and "ValueError" in line for line in lines) == 3
    if form == "json":
        entries = [json.loads(line) for line in lines]
        assert [entry["logger"] for entry in entries] == ["py.warnings", *["critech"] * 3]


def test_the_access_log_of_uvicorn_stays_off() -> None:
    config = logs.logging_config("json", "debug")
    assert config["loggers"]["uvicorn.access"]["propagate"] is False
    assert config["loggers"]["uvicorn.access"]["handlers"] == []
