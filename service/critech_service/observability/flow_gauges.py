"""What waits, as gauges and as a check of readiness."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import State

from critech_service.flow.flow import Flow
from critech_service.observability.metrics import Metrics
from critech_service.observability.readiness import Readiness

GAUGES: dict[str, tuple[str, Callable[[Flow], float]]] = {
    "critech_queue_tokens": ("Tokens taken on and not ended.", lambda flow: flow.queued_tokens),
    "critech_queue_limit_tokens": ("Tokens that may wait.", lambda flow: flow.limit_tokens),
    "critech_queue_requests": ("Requests and lines not ended.", lambda flow: flow.requests),
    "critech_streams": ("Streams that are open.", lambda flow: flow.streams),
}


def watch_flow(state: State, metrics: Metrics, readiness: Readiness) -> None:
    """Register ``state.flow``, which is there once the application has started; before that all
    gauges are 0 and the queue is not ready."""
    for name, (description, value) in GAUGES.items():
        metrics.gauge(name, description, _asked(state, value))
    readiness.add("queue", lambda: not state.flow.saturated)


def _asked(state: State, value: Callable[[Flow], float]) -> Callable[[], float]:
    def asked() -> float:
        flow: Flow | None = getattr(state, "flow", None)
        return 0.0 if flow is None else float(value(flow))

    return asked
