"""Middleware: an id, a log line, metrics and spans for every request.

Prevents a service that nobody can watch, and logs that hold what clients sent: of a request only
its id, method and route template are named, and all else is a number.
"""

from __future__ import annotations

import logging
from time import perf_counter_ns

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from critech.observing import observed_by
from critech_service.observability.metrics import Metrics
from critech_service.observability.record import NS, RequestRecord
from critech_service.observability.request_id import HEADER, current, request_id
from critech_service.observability.templates import Templates, method
from critech_service.observability.tracing import Tracing

log = logging.getLogger("critech.request")
PROBES = frozenset(("/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"))


class Observe:
    """ASGI middleware, the outermost one, so that it sees what others refuse."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.app = app
        self.metrics = metrics
        self.tracing = tracing
        self._templates: Templates | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; take note of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})  # shared with every copy that others make of the scope
        record = RequestRecord(self.metrics)
        token = current.set(request_id(scope["headers"]))
        try:
            with self.metrics.running.track_inprogress(), observed_by(record):
                await self._pass_on(record, scope, receive, send)
        finally:
            self._finish(record, scope)
            current.reset(token)

    async def _pass_on(
        self, record: RequestRecord, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def counted() -> Message:
            message = await receive()
            record.bytes_in += len(message.get("body", b""))
            return message

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.answered(message["status"])
                MutableHeaders(scope=message)[HEADER] = current.get() or ""
            await send(message)
            record.bytes_out += len(message.get("body", b""))

        await self.app(scope, counted, watched)

    def _finish(self, record: RequestRecord, scope: Scope) -> None:
        ended = perf_counter_ns()
        if self._templates is None:
            self._templates = Templates(scope["app"].routes)
        route, verb = self._templates.of(scope["path"]), method(scope["method"])
        status = "aborted" if record.status is None else f"{record.status // 100}xx"
        self.metrics.requests.labels(route, verb, status).inc()
        self.metrics.request_seconds.labels(route).observe((ended - record.started) / NS)
        fields: dict[str, object] = {
            "route": route,
            "method": verb,
            "status": record.status,
            "duration_ms": round((ended - record.started) / 1e6, 3),
            "bytes_in": record.bytes_in,
            "bytes_out": record.bytes_out,
            "documents": record.documents,
            "tokens": record.tokens,
            "key_id": scope["state"].get("key_id"),
            "refusal": record.refusal,
        }
        if self.tracing is not None:
            names = {"http.route": route, "http.request.method": verb}
            fields["trace_id"] = self.tracing.export(record, ended, names, scope["headers"])
        level = logging.DEBUG if route in PROBES else logging.INFO
        log.log(level, "request", extra={"fields": fields})
