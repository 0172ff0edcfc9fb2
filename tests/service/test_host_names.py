"""A website whose name leads to loopback gets no answer from a service without keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_classifier import FakeClassifier
from key_samples import RECORD, TOKEN
from pydantic import SecretStr
from starlette.testclient import TestClient

from critech_service.access.records import KeyFile
from critech_service.app import create_app
from critech_service.settings import Settings

pytestmark = pytest.mark.usefixtures("untested")


def client_of(settings: Settings) -> TestClient:
    return TestClient(create_app(settings, FakeClassifier()))  # type: ignore[arg-type]


def test_a_rebound_name_is_refused_everywhere_but_at_the_probes() -> None:
    with client_of(Settings(host_names="desk.office.example, other")) as client:
        for host in (
            "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
            "127.0.0.1@evil.example", "desk.office.example.evil", "evil", "[evil]", "",
        ):  # fmt: skip
            client.headers["Host"] = host
            for path in ("/", "/metrics", "/v1/model", "/v1/admin/shadow", "/v1/nothing"):
                answer = client.get(path)
                assert answer.status_code == 421, (host, path)
                assert answer.headers["content-type"] == "application/problem+json"
                assert "evil" not in answer.text
            for path in ("/v1/screen/review", "/v2/models/critech/infer"):
                assert client.post(path, content=b"{}").status_code == 421
            assert client.get("/healthz").status_code == 200
        client.headers["Host"] = "127.0.0.1"
        assert 'critech_refusals_total{reason="host"} ' in client.get("/metrics").text


@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST:8000", "desk.localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]",
    "192.0.2.7", "Desk.Office.example", "desk.office.example.", "other:80",
])  # fmt: skip
def test_addresses_loopback_and_the_names_of_the_setting_are_let_through(host: str) -> None:
    with client_of(Settings(host_names="desk.office.example, other")) as client:
        assert client.get("/metrics", headers={"Host": host}).status_code == 200


def test_with_keys_or_on_a_unix_socket_any_name_will_do() -> None:
    headers = {"Host": "desk.office.example", "X-API-Key": TOKEN}
    kept = SecretStr(KeyFile(keys=(RECORD,)).model_dump_json())
    with client_of(Settings(keys=kept)) as client:
        assert client.get("/v1/nothing", headers=headers).status_code == 403
    with client_of(Settings(uds=Path("/run/critech.sock"))) as client:
        assert client.get("/v1/nothing", headers=headers).status_code == 404
