"""What every answer carries, and what it never carries; what OpenAPI says of keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.scopes import need
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.schemas import CLASSIFY_EXAMPLE
from critech_service.security_headers import ALWAYS, POLICY, SecurityHeaders
from critech_service.serving import Serving
from critech_service.settings import Settings

RECORD, TOKEN = new_key("office", (Scope.CLASSIFY,))
KEY = {"X-API-Key": TOKEN}


@pytest.fixture(scope="module")
def app(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    update_keys(path, lambda _: KeyFile(keys=(RECORD,)))
    return create_app(Settings(keys_file=path, docs=True), classifier)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as ready:
        yield ready


def test_security_headers_are_on_every_answer(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = b"x" * 2_000_001

    def fail(*_: object) -> None:
        raise RuntimeError

    answers = [
        client.get("/healthz"),
        client.get("/v1/model", headers=KEY),
        client.get("/v1/model"),
        client.get("/v1/taxonomies/none", headers=KEY),
        client.post("/v1/model", headers=KEY),
        client.post("/v1/screen", headers=KEY, content=huge),
        client.post("/v1/classify", headers=KEY, content=huge),
        client.post("/v1/classify", headers=KEY, content=b"x"),
        client.post("/v1/classify", headers=KEY, json={}),
    ]
    broken = Serving(type("Broken", (), {"classify": fail})(), owned=False)
    monkeypatch.setattr(app.state, "serving", broken)
    answers.append(client.post("/v1/classify", headers=KEY, json=CLASSIFY_EXAMPLE))
    codes = [answer.status_code for answer in answers]
    assert codes == [200, 200, 401, 404, 405, 403, 413, 415, 422, 500]
    for answer in answers:
        assert {name: answer.headers[name] for name in ALWAYS} == ALWAYS
        assert answer.headers["content-security-policy"] == POLICY
        assert "strict-transport-security" not in answer.headers
        assert "server" not in answer.headers


def test_a_page_may_bring_its_own_content_policy_and_nothing_else() -> None:
    own = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "public"}
    answer = TestClient(SecurityHeaders(PlainTextResponse("page", headers=own))).get("/")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers.get_list("cache-control") == ["no-store"]
    own = {"Cache-Control": "no-cache", "X-Frame-Options": "ALLOW"}
    answer = TestClient(SecurityHeaders(PlainTextResponse("file", headers=own))).get("/")
    assert answer.headers.get_list("cache-control") == ["no-cache"]
    assert answer.headers.get_list("x-frame-options") == ["DENY"]


def test_tls_is_made_to_stick(app: FastAPI) -> None:
    answer = TestClient(app, base_url="https://testserver").get("/healthz")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_no_other_origin_is_given_anything(client: TestClient) -> None:
    origin = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    for answer in (
        client.get("/healthz", headers=origin),
        client.options("/v1/classify", headers=origin),
        client.options("/v1/classify", headers={**origin, **KEY}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert client.options("/v1/classify", headers=origin).status_code == 401


def test_openapi_is_switched_and_declares_keys(client: TestClient, classifier: Classifier) -> None:
    plain = TestClient(create_app(Settings(docs=False), classifier))
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert plain.get(path).status_code == 404
    document = client.get("/openapi.json", headers=KEY).json()
    assert set(document["components"]["securitySchemes"]) == {"HTTPBearer", "APIKeyHeader"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            keyed = need(path) != "open"
            assert ("security" in operation) == keyed
            assert ({"401", "403", "429", "503"} <= set(operation["responses"])) == keyed
    without = create_app(Settings(docs=True), classifier).openapi()
    assert "securitySchemes" not in without["components"]
    assert "429" in without["paths"]["/v1/model"]["get"]["responses"]
