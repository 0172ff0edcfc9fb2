"""``POST /v1/screen``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from critech.screening.filing import Conditions, Filing
from critech.screening.screen import Screener
from critech_service.audit import Audit
from critech_service.leases import classifier_of
from critech_service.problems import (
    PROBLEM_RESPONSES,
    UNAVAILABLE_RESPONSE,
    UnicodeJSONResponse,
)
from critech_service.screen_schemas import FilingIn, ScreenIn, ScreenOut
from critech_service.shadowing import shadow_screened

router = APIRouter(tags=["screening"])


@router.post(
    "/v1/screen",
    summary="Screen patent filings",
    response_model=ScreenOut,
    response_description="One verdict per filing, in input order.",
    responses={**PROBLEM_RESPONSES, **UNAVAILABLE_RESPONSE},
)
async def screen(body: ScreenIn, request: Request) -> Response:
    """Hold 1 to 64 filings against the 25 specified technical fields: rule, text, conditions,
    evidence and dates."""
    screener = Screener(classifier_of(request))
    audit: Audit | None = request.app.state.audit
    filings = [_filing(item) for item in body.filings]
    found = await run_in_threadpool(screener.screen, filings, body.explain, body.as_of)
    if audit is not None:  # no answer without a record
        key_id = getattr(request.state, "key_id", None)
        await run_in_threadpool(audit.record, screener, filings, found, key_id)
    answer = UnicodeJSONResponse(found.as_dict())
    return shadow_screened(request, answer, filings, body.as_of, found)


def _filing(item: FilingIn) -> Filing:
    texts = item.model_dump(exclude={"ipc", "conditions"})
    return Filing(
        **texts, ipc=tuple(item.ipc or ()), conditions=Conditions(**item.conditions.model_dump())
    )
