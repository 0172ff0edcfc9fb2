"""Spans of a request, by an exporter in memory; nothing in them comes from the client."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from starlette.testclient import TestClient

from critech import Classifier
from critech.cli import main
from critech.errors import InputError
from critech_service.app import create_app
from critech_service.observability.tracing import ATTRIBUTES, Tracing, open_tracing
from critech_service.schemas import CLASSIFY_EXAMPLE
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import Settings

SECRET = "canary-90de"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def client(classifier: Classifier, spans: InMemorySpanExporter) -> Iterator[TestClient]:
    tracing = Tracing(SimpleSpanProcessor(spans))
    settings = Settings(host_names=f"testserver,{SECRET}.example")
    with TestClient(create_app(settings, classifier, tracing=tracing)) as ready:
        yield ready
    tracing.close()


def by_name(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def test_a_request_and_its_stages(client: TestClient, spans: InMemorySpanExporter) -> None:
    answer = client.post("/v1/classify", json=CLASSIFY_EXAMPLE)
    found = by_name(spans)
    root = found.pop("POST /v1/classify")
    assert set(found) == {"receive", "wait", "inference", "respond"}
    assert root.kind == SpanKind.SERVER
    assert root.attributes == {
        "http.route": "/v1/classify",
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "critech.request_id": answer.headers["x-request-id"],
        "critech.documents": len(CLASSIFY_EXAMPLE["documents"]),
        "critech.tokens": sum(one["tokens_seen"] for one in answer.json()["results"]),
    }
    assert root.parent is None
    assert root.start_time is not None
    assert root.end_time is not None
    for stage in found.values():
        assert stage.parent is not None
        assert stage.parent.span_id == root.context.span_id
        assert stage.start_time is not None
        assert stage.end_time is not None
        assert root.start_time <= stage.start_time <= stage.end_time <= root.end_time
    assert found["inference"].attributes == {"critech.items": len(CLASSIFY_EXAMPLE["documents"])}


def test_traceparent_is_honoured(client: TestClient, spans: InMemorySpanExporter) -> None:
    client.get("/v1/model", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    root = by_name(spans)["GET /v1/model"]
    assert root.parent is not None
    assert f"{root.context.trace_id:032x}" == TRACE
    assert f"{root.parent.span_id:016x}" == PARENT
    spans.clear()
    client.get("/v1/model", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert spans.get_finished_spans() == ()  # the caller does not sample


@pytest.mark.parametrize(
    "sent", [SECRET, f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01-{SECRET}", ""]
)
def test_what_is_no_traceparent_is_ignored(
    client: TestClient, spans: InMemorySpanExporter, sent: str
) -> None:
    client.get("/v1/model", headers={"traceparent": sent})
    assert by_name(spans)["GET /v1/model"].parent is None


def test_spans_hold_nothing_of_the_client(client: TestClient, spans: InMemorySpanExporter) -> None:
    headers = {
        "traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": f"a={SECRET}",
        "baggage": f"a={SECRET}", "User-Agent": SECRET, "X-Request-Id": f"{SECRET} {SECRET}",
        "Host": f"{SECRET}.example"
    }  # fmt: skip
    document = {"id": SECRET, "title": SECRET, "text": f"A torpedo {SECRET}."}
    client.post("/v1/classify", json={"documents": [document]}, headers=headers)
    client.post(f"/v1/classify?q={SECRET}", json={SECRET: SECRET}, headers=headers)
    client.get(f"/v1/taxonomies/{SECRET}?as_of={SECRET}", headers=headers)
    client.request(SECRET.upper(), f"/{SECRET}", headers=headers)
    client.post("/v1/screen", json=SCREEN_EXAMPLE, headers=headers)
    finished = spans.get_finished_spans()
    assert len(finished) >= 5
    for span in finished:
        assert SECRET not in span.to_json().lower()
        assert set(span.attributes or {}) <= set(ATTRIBUTES)
        assert span.events == ()


def test_an_unexpected_failure_is_named_by_its_status(
    client: TestClient, spans: InMemorySpanExporter
) -> None:
    client.app.state.serving = object()  # type: ignore[attr-defined]
    client.post("/v1/classify", json=CLASSIFY_EXAMPLE)
    root = by_name(spans)["POST /v1/classify"]
    assert (root.attributes or {})["error.type"] == "500"
    assert root.events == ()


def test_fastapi_makes_no_spans_of_its_own(
    classifier: Classifier, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its spans hold path and query, as the plain application shows."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    plain = FastAPI()
    TestClient(plain).get(f"/{SECRET}")
    if any(span.instrumentation_scope.name == "fastapi" for span in spans.get_finished_spans()):
        assert SECRET in "".join(span.to_json() for span in spans.get_finished_spans())
    spans.clear()
    with TestClient(create_app(Settings(), classifier)) as client:
        client.get(f"/v1/taxonomies/{SECRET}?q={SECRET}")
    made = [s for s in spans.get_finished_spans() if s.instrumentation_scope.name == "fastapi"]
    assert made == []


def test_off_unless_asked_for() -> None:
    assert open_tracing(None) is None


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://", ""])
def test_an_endpoint_that_is_no_url(endpoint: str) -> None:
    with pytest.raises(InputError, match=r"setting otel_endpoint: should be a URL such as"):
        open_tracing(endpoint)


def test_the_path_of_otlp_is_added_where_none_is_given() -> None:
    for endpoint, url in (
        ("http://127.0.0.1:9", "http://127.0.0.1:9/v1/traces"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/v1/traces"),
        ("http://127.0.0.1:9/own", "http://127.0.0.1:9/own"),
    ):
        tracing = open_tracing(endpoint)
        assert tracing is not None
        processor = tracing._provider._active_span_processor._span_processors[0]
        assert processor.span_exporter._endpoint == url  # type: ignore[attr-defined]
        tracing.close()


def test_a_missing_extra_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.setenv("CRITECH_OTEL_ENDPOINT", "http://127.0.0.1:9")
    assert main(["serve"]) == 1
    assert "traces need the extra otel: pip install 'critech[otel]'" in capsys.readouterr().err
