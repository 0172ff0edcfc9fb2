"""``GET /healthz`` and ``GET /readyz``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from critech_service.model_schemas import AliveOut, ReadyStateOut
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
    """Answer 200 once the bundle is verified and a text was classified with it, else 503."""
    if not getattr(request.app.state, "ready", False):
        return problem(503, "The bundle is not loaded yet.")
    return UnicodeJSONResponse(
        {"status": "ready", "model": request.app.state.classifier.model.as_dict()}
    )
