"""OpenTelemetry traces: one span for a request, one below it for each stage.

Spans are made when a request has ended, from the times that were noted. Nothing is exported unless
an endpoint is set; attributes come from ``ATTRIBUTES`` and from nowhere else. Of the headers only
``traceparent`` is read: ``tracestate`` and ``baggage`` are free text of the client's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from critech import __version__
from critech.errors import InputError
from critech_service.observability.record import RequestRecord
from critech_service.observability.request_id import current

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

ATTRIBUTES = (
    "http.request.method", "http.route", "http.response.status_code", "error.type",
    "critech.request_id", "critech.documents", "critech.tokens", "critech.items",
)  # fmt: skip
PATH = "/v1/traces"
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Tracing:
    """A tracer of its own: neither the global provider nor FastAPI's instrumentation, which puts
    path and query into spans, is used. Raise InputError where the extra is missing."""

    def __init__(self, processor: SpanProcessor) -> None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.trace import SpanKind, set_span_in_context
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError:
            raise _missing() from None
        resource = Resource({"service.name": "critech", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("critech", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._server = SpanKind.SERVER
        self._below = set_span_in_context

    def export(
        self,
        record: RequestRecord,
        ended: int,
        names: Mapping[str, str],
        headers: Iterable[tuple[bytes, bytes]],
    ) -> str:
        """Make the spans of a request; return the id of its trace."""
        epoch = time_ns() - perf_counter_ns()
        span = self._tracer.start_span(
            f"{names['http.request.method']} {names['http.route']}",
            self._propagator.extract(_traceparent(headers)),
            kind=self._server,
            attributes={**names, **_attributes(record)},
            start_time=epoch + record.started,
        )
        context = self._below(span)
        for one in record.stages:
            child = self._tracer.start_span(
                one.name,
                context,
                attributes={"critech.items": one.n_items},
                start_time=epoch + one.started,
            )
            child.end(epoch + one.ended)
        span.end(epoch + ended)
        return f"{span.get_span_context().trace_id:032x}"

    def close(self) -> None:
        """Export what is left, then stop."""
        self._provider.shutdown()


def open_tracing(endpoint: str | None) -> Tracing | None:
    """Return the tracing to an OTLP collector over HTTP, None without an endpoint.

    Raise InputError for an endpoint that is no URL, and where the extra is not installed.
    """
    if endpoint is None:
        return None
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("setting otel_endpoint", "should be a URL such as http://127.0.0.1:4318")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise _missing() from None
    url = endpoint if parts.path.strip("/") else endpoint.rstrip("/") + PATH
    return Tracing(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))


def _missing() -> InputError:
    return InputError(
        "setting otel_endpoint", "traces need the extra otel: pip install 'critech[otel]'"
    )


def _traceparent(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the header of the caller's span where there is exactly one and it is well formed."""
    sent = [value for name, value in headers if name == b"traceparent"]
    if len(sent) == 1 and _TRACEPARENT.fullmatch(sent[0]):
        return {"traceparent": sent[0].decode("ascii")}
    return {}


def _attributes(record: RequestRecord) -> dict[str, str | int]:
    found: dict[str, str | int] = {
        "critech.request_id": current.get() or "",
        "critech.documents": record.documents,
        "critech.tokens": record.tokens,
    }
    if record.status is not None:
        found["http.response.status_code"] = record.status
    if record.status is None or record.status >= 500:
        found["error.type"] = str(record.status or "aborted")
    return found
