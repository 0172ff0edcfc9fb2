"""``GET /healthz`` and ``GET /readyz``."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from critech_service.leases import classifier_of
from critech_service.model_schemas import AliveOut, ReadyStateOut
from critech_service.observability.record import refused_for
from critech_service.problems import UNAVAILABLE_RESPONSE, UnicodeJSONResponse, problem

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive", response_model=AliveOut)
async def healthz() -> Response:
    """Answer at once, whatever the state of the model."""
    return UnicodeJSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    summary="Can it classify",
    response_model=ReadyStateOut,
    responses=UNAVAILABLE_RESPONSE,
)
async def readyz(request: Request) -> Response:
    """Answer 200 while every check passes, else 503; the body names each check."""
    checks = request.app.state.readiness.checks()
    if failing := [name for name, passed in checks.items() if not passed]:
        return problem(503, f"Not passed: {', '.join(failing)}.", members={"checks": checks})
    return UnicodeJSONResponse(
        {
            "status": "ready",
            "checks": checks,
            "model": classifier_of(request).model.as_dict(),
        }
    )


async def self_tested(request: Request) -> None:
    """Refuse with 503 what a bundle that failed its self-test would answer."""
    if not getattr(request.app.state, "ready", False):
        refused_for("not_ready")
        raise HTTPException(503, "The bundle failed its self-test; the server's log says how.")
