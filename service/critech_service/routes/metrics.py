"""``GET /metrics``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from critech_service.observability.metrics import MEDIA_TYPE, Metrics

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Return the metrics of this process in Prometheus' text format, whatever else is asked for."""
    found: Metrics = request.app.state.metrics
    return Response(found.exposition(), headers={"Content-Type": MEDIA_TYPE})
