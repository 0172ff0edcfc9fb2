"""Admission, deadline, disconnection and turns through the routes. The classifier is a fake whose
work the test lets begin and end; where that does not matter it is the default bundle."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from fake_classifier import FakeClassifier
from flow_waiting import connected, until
from live_server import serving_app
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.app import create_app
from critech_service.body_limit import BODIES
from critech_service.flow.flow import MAX_STREAMS, Flow
from critech_service.flow.refusals import TooManyStreamsError
from critech_service.schemas import CLASSIFY_EXAMPLE, EXAMPLE_EN
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import STREAM_LIMIT, Settings

pytestmark = pytest.mark.usefixtures("untested")

NDJSON = {"content-type": "application/x-ndjson"}
TEXT = EXAMPLE_EN["text"]
KSERVE = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}]}
CALLS: dict[str, dict[str, Any]] = {
    "/v1/classify": {"json": CLASSIFY_EXAMPLE},
    "/v1/classify/stream": {"content": json.dumps(EXAMPLE_EN).encode(), "headers": NDJSON},
    "/v1/screen": {"json": SCREEN_EXAMPLE},
    "/annif/v1/projects/us-ecra-14-en/suggest": {"data": {"text": TEXT}},
    "/annif/v1/projects/us-ecra-14-en/suggest-batch": {"json": {"documents": [{"text": TEXT}]}},
    "/v2/models/critech/infer": {"json": KSERVE},
}


def flow_of(client: TestClient) -> Flow:
    return client.app.state.flow  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def full(client: TestClient) -> Iterator[TestClient]:
    queue = flow_of(client).queue
    queue.enter(queue.limit)
    yield client
    queue.leave(queue.limit, finished=False)


@pytest.mark.parametrize("path", CALLS)
def test_a_full_queue_refuses_every_route_that_infers(full: TestClient, path: str) -> None:
    before = flow_of(full).refused["queue-full"]
    answer = full.post(path, **CALLS[path])
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 100
    assert flow_of(full).saturated
    assert flow_of(full).refused["queue-full"] == before + 1
    if not path.startswith("/v2"):  # whose errors have a shape of their own
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:critech:problem:queue-full"


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/healthz", "status", "ok"),
        ("/v1/model", "bundle", "default"),
        ("/v1/taxonomies/us-ecra-14", "id", "us-ecra-14"),
        ("/v2", "name", "critech"),
        ("/v2/health/live", "live", True),
        ("/v2/models/critech/ready", "ready", True),
        ("/annif/v1/projects/us-ecra-14-en", "project_id", "us-ecra-14-en"),
    ],
)
def test_what_does_not_infer_is_answered_all_the_same(
    full: TestClient, path: str, name: str, value: object
) -> None:
    before = flow_of(full).refused.total()
    answer = full.get(path)
    assert (answer.status_code, answer.json()[name]) == (200, value)
    assert flow_of(full).saturated
    assert flow_of(full).refused.total() == before


def test_readiness_tells_of_a_full_queue_and_of_nothing_else(full: TestClient) -> None:
    answer = full.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"bundle": True, "self_test": True, "queue": False}
    assert full.get("/v2/health/ready").status_code == 503


@pytest.mark.parametrize("path", CALLS)
def test_with_room_they_answer_and_leave_no_token(client: TestClient, path: str) -> None:
    assert client.post(path, **CALLS[path]).status_code == 200
    until(lambda: flow_of(client).requests == 0)
    assert flow_of(client).queued_tokens == 0
    assert not flow_of(client).saturated


def test_a_request_larger_than_the_queue_is_413(classifier: Classifier) -> None:
    with TestClient(create_app(Settings(queue_tokens=1_000), classifier)) as client:
        answer = client.post("/v1/classify", json={"documents": [{"text": TEXT * 20}]})
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:critech:problem:too-much-work"
        assert "1000 may wait" in answer.json()["detail"]
        assert "retry-after" not in answer.headers
        plain = client.post("/v1/screen", json={**SCREEN_EXAMPLE, "explain": False})
        assert plain.status_code == 200
        filing = {**SCREEN_EXAMPLE["filings"][0], "claims": TEXT * 4}
        dear = client.post("/v1/screen", json={"filings": [filing]})  # evidence is counted
        assert dear.status_code == 413
        body = {
            "inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT * 20]}]
        }
        answer = client.post("/v2/models/critech/infer", json=body)
        assert answer.status_code == 413
        assert "1000 may wait" in answer.json()["error"]


def test_bodies_are_bounded_together(classifier: Classifier) -> None:
    app = create_app(Settings(max_body_bytes=1_000), classifier)
    with TestClient(app) as client:
        layer = app.middleware_stack
        while type(layer).__name__ != "BodyLimit":
            layer = layer.app  # type: ignore[union-attr]
        layer.held += BODIES * 1_000  # type: ignore[union-attr]
        answer = client.post("/v1/classify", json={"documents": [{"text": "A torpedo."}]})
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:critech:problem:queue-full"
        assert answer.headers["retry-after"] == "1"
        layer.held -= BODIES * 1_000  # type: ignore[union-attr]
        answer = client.post("/v1/classify", json={"documents": [{"text": "A torpedo."}]})
        assert answer.status_code == 200
        assert layer.held == 0  # type: ignore[union-attr]


def test_streams_are_bounded(client: TestClient) -> None:
    flow = flow_of(client)
    for _ in range(MAX_STREAMS):
        flow.enter_stream("anonymous")  # without keys nobody has a limit of his own
    answer = client.post("/v1/classify/stream", **CALLS["/v1/classify/stream"])
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:critech:problem:queue-full"
    assert int(answer.headers["retry-after"]) >= 1
    assert flow.streams == MAX_STREAMS
    flow.leave_stream("anonymous")
    assert client.post("/v1/classify/stream", **CALLS["/v1/classify/stream"]).status_code == 200
    for _ in range(MAX_STREAMS - 1):
        flow.leave_stream("anonymous")
    assert flow.streams == 0


def test_one_key_gets_a_part_of_the_streams() -> None:
    assert 4 * STREAM_LIMIT == MAX_STREAMS
    flow = Flow(1, 10_000, 1.0, streams_per_key=2)
    flow.enter_stream("a")
    flow.enter_stream("a")
    flow.enter_stream("b")
    with pytest.raises(TooManyStreamsError, match="The key has 2 streams open"):
        flow.enter_stream("a")
    assert (flow.streams, flow.refused["too-many-streams"]) == (3, 1)
    flow.leave_stream("b")
    with pytest.raises(TooManyStreamsError):
        flow.enter_stream("a")
    flow.leave_stream("a")
    flow.enter_stream("a")
    assert flow.streams == 2
    flow.close()


def documents(*texts: str, name: str = "") -> dict[str, Any]:
    return {"documents": [{"id": f"{name}{i}", "text": text} for i, text in enumerate(texts)]}


def test_at_the_deadline_the_rest_is_dropped() -> None:
    fake = FakeClassifier()
    app = create_app(Settings(deadline_seconds=0.2), fake)  # type: ignore[arg-type]
    with TestClient(app) as client:
        answer = client.post("/v1/classify", json=documents("wait", "b", "c"))
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:critech:problem:deadline-passed"
        assert int(answer.headers["retry-after"]) >= 1
        assert flow_of(client).dropped["deadline-passed"] == 1
        fake.gate.set()
        until(lambda: flow_of(client).requests == 0)
        assert flow_of(client).queued_tokens == 0
        assert client.post("/v1/classify", json=documents("x", name="x")).status_code == 200
        assert fake.begun == ["0", "x0"]


def request_bytes(path: str, body: bytes, headers: str = "Content-Type: application/json") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_a_client_that_goes_away_frees_its_work() -> None:
    fake = FakeClassifier()
    app = create_app(Settings(), fake)  # type: ignore[arg-type]
    with serving_app(app) as address:
        flow = app.state.flow
        with connected(address) as client:
            body = json.dumps(documents("wait", "b", "c", "d")).encode()
            client.sendall(request_bytes("/v1/classify", body))
            assert fake.first_begun.wait(30)
            assert flow.requests == 1
        until(lambda: flow.dropped["client-gone"] == 1)
        fake.gate.set()
        until(lambda: flow.requests == 0)
        assert flow.queued_tokens == 0
        with urllib.request.urlopen(f"{address}/healthz", timeout=30) as answer:
            assert answer.status == 200
    assert fake.begun == ["0"]


def test_a_large_request_does_not_stand_before_a_small_one() -> None:
    fake = FakeClassifier()
    app = create_app(Settings(), fake)  # type: ignore[arg-type]
    with TestClient(app) as client:
        flow = flow_of(client)
        large = documents("wait", *("text " * 2_000 for _ in range(63)), name="large ")
        small = documents("a", "b", name="small ")
        answers: list[Any] = []
        threads = []
        for body, n_pieces in ((large, 63), (small, 65)):
            post = threading.Thread(
                target=lambda b: answers.append(client.post("/v1/classify", json=b)), args=(body,)
            )
            post.start()
            threads.append(post)
            until(lambda n=n_pieces: sum(map(len, tuple(flow._lanes._turns))) == n)  # type: ignore[misc]
        fake.gate.set()
        for thread in threads:
            thread.join(30)
        assert [answer.status_code for answer in answers] == [200, 200]
    assert fake.begun[:5] == ["large 0", "large 1", "small 0", "large 2", "small 1"]


def test_results_are_those_of_the_library(client: TestClient, classifier: Classifier) -> None:
    from critech import Document
    from critech.classifier import Options

    text = TEXT * 12  # more than one chunk
    body = {"documents": [{"text": text}, {"text": TEXT}], "explain": True, "top_k": None}
    expected = classifier.classify([Document(text), Document(TEXT)], Options(None, None, 0.0, True))
    answer = client.post("/v1/classify", json=body)
    assert answer.json() == json.loads(json.dumps(expected.as_dict()))
