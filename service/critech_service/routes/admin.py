"""``/v1/admin``: exchange the bundle, and read how the shadow bundle does."""

from __future__ import annotations

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from critech_service.admin_schemas import ReloadedOut, ShadowOut
from critech_service.listening import is_loopback
from critech_service.problems import UnicodeJSONResponse, documented, problem
from critech_service.reloading import Reloader, ReloadRefusedError, ReloadRunningError
from critech_service.shadow import Shadow


async def _near(request: Request) -> None:
    """Without keys, let in only who is on this machine and is no browser's page."""
    if request.app.state.has_keys:
        return
    host = request.client.host if request.client else ""  # none on a UNIX socket
    if (host and not is_loopback(host)) or "origin" in request.headers:
        raise HTTPException(403, "Without keys, this is for clients on the same machine only.")


router = APIRouter(
    prefix="/v1/admin", tags=["admin"], dependencies=[Depends(_near)], responses=documented(403)
)


@router.post(
    "/reload",
    summary="Read the bundle again",
    response_model=ReloadedOut,
    responses=documented(409, 424),
)
async def reload(request: Request) -> Response:
    """Read, verify and try the bundle that the settings name, then exchange it at once. Requests
    under way end on the old one. When it is refused, the old one stays."""
    reloader: Reloader = request.app.state.reloader
    try:
        done = await run_in_threadpool(reloader.reload)
    except ReloadRunningError:
        return problem(409, "A reload is under way.", headers={"Retry-After": "5"})
    except ReloadRefusedError as error:
        return problem(424, f"The old bundle is kept. {error}")
    return UnicodeJSONResponse(done.as_dict())


@router.get(
    "/shadow",
    summary="Disagreements of the shadow bundle",
    response_model=ShadowOut,
    responses=documented(404),
)
async def shadow(request: Request) -> Response:
    """Return how often the shadow bundle disagreed with the one that answered."""
    at_work: Shadow | None = request.app.state.shadow
    if at_work is None:
        raise HTTPException(404, "There is no shadow bundle.")
    return UnicodeJSONResponse(at_work.as_dict())
