"""When /readyz says yes, and that it says why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from critech import Classifier
from critech.selftest import SelfTest
from critech_service import app as factory
from critech_service.app import create_app
from critech_service.observability.readiness import Readiness
from critech_service.schemas import CLASSIFY_EXAMPLE
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import Settings


@pytest.fixture
def app(classifier: Classifier) -> FastAPI:
    return create_app(Settings(), classifier)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as ready:
        yield ready


def ready_gauges(client: TestClient) -> dict[str, str]:
    lines = client.get("/metrics").text.splitlines()
    return dict(line.split() for line in lines if line.startswith("critech_ready"))


def test_ready_names_its_checks(client: TestClient, classifier: Classifier) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {"bundle": True, "self_test": True, "queue": True},
        "model": classifier.model.as_dict(),
    }
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert ready_gauges(client)["critech_ready"] == "1.0"


def test_a_check_that_others_add_counts(app: FastAPI, client: TestClient) -> None:
    saturated = False
    app.state.readiness.add("queue", lambda: not saturated)
    assert client.get("/readyz").json()["checks"]["queue"] is True
    saturated = True
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["checks"] == {"bundle": True, "self_test": True, "queue": False}
    assert answer.json()["detail"] == "Not passed: queue."
    assert client.get("/v2/health/ready").status_code == 503
    assert client.get("/healthz").status_code == 200
    gauges = ready_gauges(client)
    assert gauges["critech_ready"] == "0.0"
    assert gauges['critech_ready_check{check="queue"}'] == "0.0"
    assert gauges['critech_ready_check{check="bundle"}'] == "1.0"


def test_not_ready_before_start_and_after_stop(app: FastAPI) -> None:
    cold = TestClient(app)
    assert cold.get("/readyz").json()["checks"] == {
        "bundle": False,
        "self_test": False,
        "queue": False,
    }
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 200
    assert cold.get("/readyz").status_code == 503
    assert cold.get("/healthz").status_code == 200


@pytest.fixture
def failing(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[TestClient]:
    """A service whose bundle failed its self-test."""
    failed = SelfTest(6, 18, ("scramjet-en: us-ecra-14:12 is not_assigned",))
    monkeypatch.setattr(factory, "self_test", lambda _: failed)
    with TestClient(create_app(Settings(), classifier)) as client:
        assert "scramjet-en: us-ecra-14:12 is not_assigned" in caplog.text
        yield client


def test_a_bundle_that_failed_its_self_test_answers_nothing(failing: TestClient) -> None:
    answer = failing.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"bundle": True, "self_test": False, "queue": True}
    requests: list[tuple[str, dict[str, Any]]] = [
        ("/v1/classify", CLASSIFY_EXAMPLE),
        ("/v1/screen", SCREEN_EXAMPLE),
        ("/annif/v1/projects/us-ecra-14-en/suggest", {}),
        ("/v2/models/critech/infer", {}),
    ]
    for path, body in requests:
        assert failing.post(path, json=body).status_code == 503, path
    assert failing.get("/v1/model").status_code == 200
    assert failing.get("/v1/taxonomies").status_code == 200
    assert 'critech_refusals_total{reason="not_ready"} 4.0' in failing.get("/metrics").text


def test_a_check_that_raises_does_not_pass() -> None:
    def fail() -> bool:
        raise RuntimeError

    readiness = Readiness()
    assert not readiness.ready()
    readiness.add("one", lambda: True)
    assert readiness.ready()
    readiness.add("two", fail)
    assert readiness.checks() == {"one": True, "two": False}
    assert not readiness.ready()
