"""Every refusal is counted for its true reason, whatever route and protocol answer it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import pytest
from fake_classifier import FakeClassifier
from fastapi import FastAPI
from starlette.testclient import TestClient

from critech import Classifier
from critech.audit import AuditError
from critech.errors import InputError
from critech_service.app import create_app
from critech_service.body_limit import BODIES
from critech_service.flow.flow import MAX_STREAMS, Flow
from critech_service.flow.refusals import ClientGoneError, FlowRefusal
from critech_service.observability.reasons import REASONS, Reason
from critech_service.problems import refusal_reason
from critech_service.schemas import CLASSIFY_EXAMPLE, EXAMPLE_EN
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import Settings

STREAM = "/v1/classify/stream"
INFER = "/v2/models/critech/infer"
SUGGEST = "/annif/v1/projects/us-ecra-14-en/suggest"
BATCH = "/annif/v1/projects/us-ecra-14-en/suggest-batch"
NDJSON = {"Content-Type": "application/x-ndjson"}


def infer_body(text: str) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]}


CALLS: dict[str, dict[str, Any]] = {
    "/v1/classify": {"json": CLASSIFY_EXAMPLE},
    "/v1/screen": {"json": SCREEN_EXAMPLE},
    STREAM: {"content": b'{"text": "A torpedo."}', "headers": NDJSON},
    INFER: {"json": infer_body(EXAMPLE_EN["text"])},
    SUGGEST: {"data": {"text": EXAMPLE_EN["text"]}},
    BATCH: {"json": {"documents": [{"text": EXAMPLE_EN["text"]}]}},
}


def refusals(app: FastAPI) -> dict[str, float]:
    """Return the reasons that something was counted under, and how often."""
    found = {
        word: app.state.metrics.registry.get_sample_value(
            "critech_refusals_total", {"reason": word}
        )
        for word in get_args(Reason)
    }
    return {word: value for word, value in found.items() if value}


@contextmanager
def served(classifier: Any, **settings: Any) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(**settings), classifier)) as client:
        yield client


def state(client: TestClient) -> Any:
    return client.app.state  # type: ignore[attr-defined]


def counted(client: TestClient) -> dict[str, float]:
    return refusals(client.app)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", CALLS)
def test_a_full_queue(classifier: Classifier, path: str) -> None:
    with served(classifier) as client:
        queue = state(client).flow.queue
        queue.enter(queue.limit)
        assert client.post(path, **CALLS[path]).status_code == 503
        assert counted(client) == {"queue": 1}


@pytest.mark.parametrize("path", [INFER, "/v1/classify"])
def test_more_work_than_ever_fits(classifier: Classifier, path: str) -> None:
    text = EXAMPLE_EN["text"] * 20
    body = infer_body(text) if path == INFER else {"documents": [{"text": text}]}
    with served(classifier, queue_tokens=1_000) as client:
        assert client.post(path, json=body).status_code == 413
        assert counted(client) == {"queue": 1}


@pytest.mark.parametrize("path", CALLS)
def test_a_body_that_is_too_large(classifier: Classifier, path: str) -> None:
    with served(classifier, max_body_bytes=1_000) as client:
        answer = client.post(path, content=b"x" * 1_001)
        assert answer.status_code == (415 if path == STREAM else 413)
        assert counted(client) == {"media_type" if path == STREAM else "body_size": 1}


@pytest.mark.usefixtures("untested")
@pytest.mark.parametrize("path", [INFER, "/v1/classify"])
def test_a_deadline(path: str) -> None:
    fake = FakeClassifier()
    body = infer_body("wait") if path == INFER else {"documents": [{"text": "wait"}]}
    with served(fake, deadline_seconds=0.1) as client:
        assert client.post(path, json=body).status_code == 503
        fake.gate.set()
        assert counted(client) == {"deadline": 1}


@pytest.mark.parametrize("path", [path for path in CALLS if path != STREAM])
def test_bodies_held_together(classifier: Classifier, path: str) -> None:
    with served(classifier) as client:
        layer: Any = client.app.middleware_stack  # type: ignore[attr-defined]
        while type(layer).__name__ != "BodyLimit":
            layer = layer.app
        layer.held += BODIES * layer.max_bytes
        answer = client.post(path, **CALLS[path])
        assert (answer.status_code, answer.headers["connection"]) == (503, "close")
        assert counted(client) == {"queue": 1}


def test_streams(classifier: Classifier) -> None:
    with served(classifier, stream_limit=1) as client:
        flow: Flow = state(client).flow
        flow.enter_stream("anonymous")
        assert client.post(STREAM, **CALLS[STREAM]).status_code == 503
        assert counted(client) == {"concurrency": 1}
        for n in range(MAX_STREAMS - 1):
            flow.enter_stream(f"other {n}")
        flow.leave_stream("anonymous")
        flow.enter_stream("another")
        assert client.post(STREAM, **CALLS[STREAM]).status_code == 503
        assert counted(client) == {"concurrency": 1, "queue": 1}


@pytest.mark.parametrize("path", [*CALLS, "/v2/models/critech"])
def test_a_bundle_that_is_not_ready(classifier: Classifier, path: str) -> None:
    with served(classifier) as client:
        state(client).ready = False
        answer = client.post(path, **CALLS[path]) if path in CALLS else client.get(path)
        assert answer.status_code == 503
        assert counted(client) == {"not_ready": 1}


@pytest.mark.parametrize(
    ("path", "sent", "reason"),
    [
        (INFER, {"content": b"{"}, "malformed"),
        (INFER, {"json": {"inputs": []}}, "validation"),
        (INFER, {"json": infer_body("")}, "validation"),
        (INFER, {"json": {**infer_body("a"), "parameters": {"taxonomy": "no"}}}, "validation"),
        (SUGGEST, {"data": {"text": "a", "limit": "x"}}, "validation"),
        (SUGGEST, {"data": {"text": ""}}, "validation"),
        (SUGGEST, {"content": b"text=%ff", "headers": {"Content-Type": "x-www"}}, "media_type"),
        (BATCH, {"json": {"documents": []}}, "validation"),
        (BATCH, {"content": b"{", "headers": {"Content-Type": "application/json"}}, "malformed"),
        (BATCH, {"content": b"x", "headers": {"Content-Type": "text/plain"}}, "media_type"),
    ],
)
def test_other_protocols_answer_400_and_mean_what_others_mean(
    classifier: Classifier, path: str, sent: dict[str, Any], reason: str
) -> None:
    with served(classifier) as client:
        assert client.post(path, **sent).status_code in (400, 415)
        assert counted(client) == {reason: 1}


def test_every_refusal_has_a_reason() -> None:
    kinds = FlowRefusal.__subclasses__()
    assert ClientGoneError in kinds
    for kind in kinds:
        error = kind.__new__(kind)  # no matter of what arguments
        assert refusal_reason(error) in get_args(Reason)
    assert refusal_reason(ClientGoneError()) == "client_gone"
    assert refusal_reason(AuditError("a", "b")) == "audit_log"
    assert refusal_reason(InputError("text", "is empty")) == "validation"
    assert refusal_reason(InputError("body", "is not valid JSON")) == "malformed"
    assert refusal_reason(ValueError()) is None
    assert set(REASONS.values()) <= set(get_args(Reason))
