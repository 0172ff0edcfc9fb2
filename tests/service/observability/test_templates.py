from __future__ import annotations

from starlette.testclient import TestClient

from critech_service.observability.templates import UNMATCHED, Templates, method


def test_every_route_of_openapi_has_its_template(client: TestClient) -> None:
    templates = Templates(client.app.routes)  # type: ignore[attr-defined]
    paths = set(client.app.openapi()["paths"])  # type: ignore[attr-defined]
    assert set(templates) == paths | {
        "/openapi.json", "/", "/page/config.json", "/page/{name:path}",
    }  # fmt: skip
    for path in paths:
        typed = path.replace("{", "").replace("}", "")
        assert templates.of(typed) == path, typed


def test_what_a_client_made_up_has_no_name() -> None:
    assert Templates([]).of("/canary") == UNMATCHED
    assert method("CANARY") == "other"
    assert method("GET") == "GET"
