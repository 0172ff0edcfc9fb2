"""Who is let in: keys and scopes in the application, and refusals that tell nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from critech import Classifier
from critech.cli import main
from critech_service.access import verifier
from critech_service.access.authenticate import Authenticate
from critech_service.access.credentials import presented
from critech_service.access.keyring import KeyRing
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.scopes import BELOW, ROUTES, need
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.schemas import CLASSIFY_EXAMPLE
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import Settings

YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
MADE = {
    "classify": new_key("classify", (Scope.CLASSIFY,)),
    "screen": new_key("screen", (Scope.SCREEN,)),
    "admin": new_key("admin", (Scope.ADMIN,)),
    "expired": new_key("expired", (Scope.CLASSIFY,), YESTERDAY.date()),
}
_revoked, REVOKED_TOKEN = new_key("revoked", (Scope.CLASSIFY,))
RECORDS = (
    *(record for record, _ in MADE.values()),
    _revoked.model_copy(update={"revoked": YESTERDAY}),
)
TOKENS = {name: token for name, (_, token) in MADE.items()} | {"revoked": REVOKED_TOKEN}
WRONG = f"ck_{MADE['classify'][0].id}_{'w' * 43}"
UNKNOWN = f"ck_{'0' * 12}_{'u' * 43}"


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    update_keys(path, lambda _: KeyFile(keys=RECORDS))
    return path


@pytest.fixture(scope="module")
def app(classifier: Classifier, keys_file: Path) -> FastAPI:
    return create_app(Settings(keys_file=keys_file, docs=True), classifier)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as ready:
        yield ready


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def is_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) - {"request_id"} == {"type", "title", "status", "detail", "errors"}
    assert "ck_" not in answer.text
    assert "ck_" not in str(answer.headers)
    return body


# Scopes


def test_every_route_stands_in_the_table(app: FastAPI) -> None:
    paths = set(app.openapi()["paths"])
    assert "/v1/classify" in paths
    paths |= {"/"}  # the page stands in no OpenAPI document
    unlisted = [p for p in paths if p not in ROUTES and not p.startswith(tuple(BELOW))]
    assert unlisted == []
    assert set(ROUTES) - paths == {"/openapi.json"}
    assert {path for path, needed in ROUTES.items() if needed == "open"} == {
        "/healthz", "/readyz", "/",
    }  # fmt: skip


CASES = [
    ("POST", "/v1/classify", {"classify"}),
    ("POST", "/v1/screen", {"screen"}),
    ("GET", "/v1/model", {"classify", "screen", "admin"}),
    ("GET", "/v1/crosswalk", {"classify", "screen", "admin"}),
    ("GET", "/v1/taxonomies", {"classify", "screen", "admin"}),
    ("GET", "/v1/taxonomies/us-ecra-14/labels/01", {"classify", "screen", "admin"}),
    ("GET", "/openapi.json", {"classify", "screen", "admin"}),
    ("POST", "/v1/admin/anything", {"admin"}),
    ("GET", "/v1/screen/reviewing", {"screen"}),
    ("POST", "/v1/screen/review", set()),
    ("GET", "/v1", {"admin"}),
]


@pytest.mark.parametrize(("method", "path", "allowed"), CASES)
@pytest.mark.parametrize("name", ["classify", "screen", "admin"])
def test_scopes(client: TestClient, method: str, path: str, allowed: set[str], name: str) -> None:
    body = {"/v1/classify": CLASSIFY_EXAMPLE, "/v1/screen": SCREEN_EXAMPLE}.get(path)
    answer = client.request(method, path, json=body, headers=bearer(TOKENS[name]))
    if name in allowed:
        assert answer.status_code == (404 if need(path) == Scope.ADMIN else 200)
    else:
        needed = need(path)
        assert (
            is_problem(answer, 403)["detail"] == f"This path needs a key with the scope {needed}."
        )
        challenge = f'Bearer realm="critech", error="insufficient_scope", scope="{needed}"'
        assert answer.headers["www-authenticate"] == challenge


@pytest.mark.parametrize(
    "path", ["/v1/classify%0A", "/v1/classify/", "//v1/classify", "/v1/Classify", "/healthz/x"]
)
def test_another_spelling_opens_nothing(client: TestClient, path: str) -> None:
    for name, status in (("screen", 403), (None, 401)):
        headers = {} if name is None else bearer(TOKENS[name])
        answer = client.post(path, json=CLASSIFY_EXAMPLE, headers=headers)
        assert answer.status_code == status


def test_health_is_open(client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.get("/healthz", headers=bearer(WRONG)).status_code == 200


# Keys in headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {}"},
        {"authorization": "bearer   {} "},
        {"X-API-Key": "{}"},
        {"x-api-key": "{}", "Authorization": "Bearer {}"},
        {"x-api-key": "{}", "Authorization": "Basic dXNlcjpwYXNz"},  # a proxy's own
    ],
)
def test_ways_to_show_a_key(client: TestClient, headers: dict[str, str]) -> None:
    filled = {name: value.format(TOKENS["admin"]) for name, value in headers.items()}
    assert client.get("/v1/model", headers=filled).status_code == 200


def test_no_key(client: TestClient) -> None:
    for headers in ({}, {"Authorization": "Basic dXNlcjpwYXNz"}, {"Cookie": TOKENS["admin"]}):
        answer = client.get("/v1/model", headers=headers)
        detail = "Send a key as `Authorization: Bearer` or `X-API-Key`."
        assert is_problem(answer, 401)["detail"] == detail
        assert answer.headers["www-authenticate"] == 'Bearer realm="critech"'
    assert client.get("/v1/model", params={"key": TOKENS["admin"]}).status_code == 401


def test_two_keys_are_refused(client: TestClient) -> None:
    headers = {**bearer(TOKENS["admin"]), "X-API-Key": TOKENS["screen"]}
    answer = client.get("/v1/model", headers=headers)
    assert is_problem(answer, 401)["detail"] == "Send one key, not several."
    assert presented([(b"x-api-key", b"a"), (b"x-api-key", b"b\xff")]) == {"a", "bÿ"}


@pytest.mark.parametrize("token", ["", "ck_", "ck_x_y", "x" * 5000, "ck_" + "é" * 12, WRONG + "\t"],
                         ids=["empty", "cut", "short", "long", "accents", "tab"])  # fmt: skip
def test_what_is_no_key(client: TestClient, token: str) -> None:
    answer = client.get("/v1/model", headers={b"X-API-Key": token.encode("latin-1")})
    is_problem(answer, 401)


def test_unknown_wrong_revoked_and_expired_keys_get_one_answer(client: TestClient) -> None:
    refused = [WRONG, UNKNOWN, TOKENS["revoked"], TOKENS["expired"], "ck_nonsense"]
    same = {"X-Request-Id": "one-id-for-all"}
    answers = [client.get("/v1/model", headers={**bearer(token), **same}) for token in refused * 2]
    for answer in answers:
        is_problem(answer, 401)
        challenge = 'Bearer realm="critech", error="invalid_token"'
        assert answer.headers["www-authenticate"] == challenge
    assert len({answer.text for answer in answers}) == 1


def test_keys_are_in_no_log_and_no_answer(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for token in (*TOKENS.values(), WRONG, UNKNOWN):
        for path in ("/v1/model", "/v1/classify", "/v1/nothing", f"/v1/taxonomies/{token}"):
            for answer in (
                client.get(path, headers=bearer(token)),
                client.post(path, headers={"X-API-Key": token}, json={token: token}),
            ):
                assert token.split("_", 2)[2] not in answer.text + str(answer.headers)
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name != "httpx2")
    assert not [t for t in (*TOKENS.values(), WRONG, UNKNOWN) if t.split("_", 2)[2] in ours]
    assert f"key {MADE['expired'][0].id} refused: expired" in ours
    assert UNKNOWN.split("_")[1] not in ours


def test_the_body_of_a_stranger_is_not_read() -> None:
    async def never() -> Any:
        raise AssertionError("read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(*_: Any) -> None:
        raise AssertionError("called")

    guarded = Authenticate(app, KeyRing(KeyFile()))
    scope = {"type": "http", "method": "POST", "path": "/v1/classify", "headers": []}
    asyncio.run(guarded(scope, never, send))
    assert sent[0]["status"] == 401
    sent.clear()
    asyncio.run(guarded({"type": "websocket", "path": "/healthz"}, never, send))
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


def test_failures_count_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "FAILURES_PER_MINUTE", 1)
    guarded = Authenticate(PlainTextResponse("in"), KeyRing(KeyFile()))
    first, second = (TestClient(guarded, client=(a, 1)) for a in ("192.0.2.1", "192.0.2.2"))
    assert first.get("/v1", headers=bearer(UNKNOWN)).status_code == 401
    refused = first.get("/v1", headers=bearer(UNKNOWN))
    assert is_problem(refused, 429)["detail"] == "Too many failed attempts from this address."
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert second.get("/v1", headers=bearer(UNKNOWN)).status_code == 401


def test_the_key_id_is_known_further_in(keys_file: Path) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["state"]["key_id"])

    ring = KeyRing.from_settings(Settings(keys_file=keys_file))
    assert ring is not None
    headers = [(b"authorization", b"Bearer " + TOKENS["screen"].encode())]
    scope = {"type": "http", "method": "GET", "path": "/v1/model", "headers": headers}
    asyncio.run(Authenticate(app, ring)(scope, None, None))  # type: ignore[arg-type]
    assert seen == [MADE["screen"][0].id]


def test_keys_change_while_the_service_runs(classifier: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    update_keys(path, lambda _: KeyFile())
    with TestClient(create_app(Settings(keys_file=path), classifier)) as client:
        record, token = new_key("late", (Scope.SCREEN,))

        def status() -> int:
            return int(client.get("/v1/model", headers=bearer(token)).status_code)

        assert status() == 401
        update_keys(path, lambda _: KeyFile(keys=(record,)))
        assert status() == 200
        path.chmod(0o644)
        answer = client.get("/v1/model", headers=bearer(token))
        assert "cannot be read" in is_problem(answer, 503)["detail"]
        assert answer.headers["retry-after"] == "5"
        assert str(tmp_path) not in answer.text
        assert client.get("/healthz").status_code == 200
        path.chmod(0o600)
        assert status() == 200
        assert main(["keys", "revoke", record.id, "--file", str(path)]) == 0
        assert status() == 401


def test_keys_from_the_environment(
    classifier: Classifier, keys_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITECH_KEYS", keys_file.read_text())
    with TestClient(create_app(None, classifier)) as client:
        assert client.get("/v1/model").status_code == 401
        assert client.get("/v1/model", headers=bearer(TOKENS["admin"])).status_code == 200
