"""OWASP API8:2023 Security Misconfiguration.

Settings as they come are the safe ones: loopback, no CORS, no pages, no debug mode, no word of what
runs here; every answer carries the security headers; odd methods and media types are refused; a
setting that is wrong is an error at the start, not a default in silence.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from fastapi import FastAPI
from keyed import Keys
from pydantic import ValidationError
from server_process import ServerProcess, ask, ask_raw
from starlette.testclient import TestClient

from critech.cli import main
from critech_service.security_headers import ALWAYS, POLICY
from critech_service.settings import Settings


def test_defaults_are_safe(app: FastAPI) -> None:
    settings = Settings()
    assert settings.host == "127.0.0.1"
    assert settings.insecure_no_keys is False
    assert settings.uds_mode == "660"
    assert not app.debug
    assert app.docs_url is None
    assert app.redoc_url is None


def test_every_answer_has_the_headers_and_names_no_product(
    server: ServerProcess, keys: Keys
) -> None:
    answers = [
        ask(server.where, method, path, body, headers)
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "X-ODD")
        for path in ("/healthz", "/v1/model", "/v1/classify", "/none", "/docs", "/v2", "/annif/v1/")
        for headers in ({}, keys.header("all"))
        for body in ([None, b"x"] if method == "POST" else [None])
    ]
    raw = ask_raw(server.where, b"NO HTTP\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 400 ")
    for name, value in {**ALWAYS, "Content-Security-Policy": POLICY}.items():
        assert {answer.header(name) for answer in answers} == {value}
        assert f"{name}: {value}".lower().encode() in raw.lower()
    for name in ("Server", "X-Powered-By", "Via", "Set-Cookie", "Access-Control-Allow-Origin"):
        assert {answer.header(name) for answer in answers} == {None}
    said = [raw, *(one.head() for one in answers), *(a.body for a in answers if a.status != 200)]
    for word in (b"uvicorn", b"starlette", b"fastapi", b"python", b"traceback"):
        assert word not in b"".join(said).lower()


def test_no_other_origin_is_let_in(server: ServerProcess, keys: Keys) -> None:
    for origin in ("https://example.org", "null", "http://127.0.0.1:8000", "*"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "x-api-key", **keys.header("all")}  # fmt: skip
        for method in ("GET", "OPTIONS"):
            answer = ask(server.where, method, "/v1/model", headers=asked)
            assert [n for n, _ in answer.headers if n.lower().startswith("access-control")] == []


def test_methods_that_a_route_has_not(server: ServerProcess, keys: Keys) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"):
        answer = ask(server.where, method, "/v1/model", headers=keys.header("all"))
        assert answer.status == 405
        assert answer.header("Allow") == "GET"


def test_head_is_get_without_a_body(server: ServerProcess, keys: Keys) -> None:
    """As RFC 9110 wants it; for a route of POST alone it is refused, as GET is."""
    for path in ("/healthz", "/readyz", "/v1/model", "/v1/taxonomies", "/openapi.json", "/v2"):
        got = ask(server.where, "GET", path, headers=keys.header("all"))
        head = ask(server.where, "HEAD", path, headers=keys.header("all"))
        assert (head.status, head.body) == (200, b"")
        length = head.header("Content-Length")
        assert length == str(len(got.body))
    refused = ask(server.where, "HEAD", "/v1/classify", headers=keys.header("all"))
    assert (refused.status, refused.header("Allow"), refused.body) == (405, "POST", b"")


def test_head_has_no_body_in_the_application_either(keyed: TestClient, keys: Keys) -> None:
    """Whatever server runs it."""
    for path in ("/healthz", "/v1/model", "/none"):
        assert keyed.head(path, headers=keys.header("all")).content == b""


def test_no_debugging_routes_or_files(server: ServerProcess, keys: Keys) -> None:
    paths = ("/docs", "/redoc", "/debug", "/console", "/admin", "/.git/config", "/.env",
             "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/actuator")  # fmt: skip
    for path in paths:
        assert ask(server.where, "GET", path, headers=keys.header("all")).status in (403, 404)


def test_the_log_does_not_tell_more_at_debug_level(server: ServerProcess, keys: Keys) -> None:
    body = json.dumps({"documents": [{"text": "zqdebugword"}]}).encode()
    headers = {"Content-Type": "application/json", "X-Odd": "zqdebugword", **keys.header("all")}
    assert ask(server.where, "POST", "/v1/classify?zqdebugword", body, headers).status == 200
    assert b"zqdebugword" not in server.said()
    assert keys.tokens["all"].encode() not in server.said()


@pytest.mark.parametrize(("name", "value"), [
    ("CRITECH_RATE_LIMIT", "-1"), ("CRITECH_MAX_BODY_BYTES", "lots"), ("CRITECH_PORT", "99999"),
    ("CRITECH_WORKERS", "0"), ("CRITECH_RECEIVE_SECONDS", "0"), ("CRITECH_UDS_MODE", "999"),
    ("CRITECH_INSECURE_NO_KEYS", "perhaps"),
])  # fmt: skip
def test_a_wrong_setting_is_an_error(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()
    assert main(["serve"]) == 1
    said = capsys.readouterr().err
    assert name.removeprefix("CRITECH_").lower() in said
    assert said.count("\n") == 1


def test_an_open_keys_file_is_not_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"format": 1, "keys": []}')
    path.chmod(stat.S_IRUSR | stat.S_IROTH)
    assert main(["serve", "--keys-file", str(path), "--port", "0"]) == 1
    assert "open to group or others" in capsys.readouterr().err
