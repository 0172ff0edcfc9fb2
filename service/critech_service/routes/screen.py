"""``POST /v1/screen``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from critech.encoder import Run
from critech.observing import stage
from critech.screening.filing import Conditions, Filing
from critech.screening.results import Screening
from critech.screening.screen import Screener
from critech_service.audit import Audit
from critech_service.flow.cost import filings_cost
from critech_service.flow.flow import Flow
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
    evidence and dates. With an audit log, the header `X-Audit-Records` names each filing's record,
    by which it can be reviewed."""
    classifier = classifier_of(request)
    flow: Flow = request.app.state.flow
    audit: Audit | None = request.app.state.audit
    filings = [_filing(item) for item in body.filings]
    cost = filings_cost(filings, classifier.bundle.encoder_config, body.explain)

    def screened(run: Run) -> tuple[Screening, Response]:
        found = Screener(classifier.on(run)).screen(filings, body.explain, body.as_of)
        return found, UnicodeJSONResponse(found.as_dict())

    found, answer = await flow.answer(request, cost, screened)
    if audit is not None:  # no answer without a record
        screener = Screener(classifier)
        key_id = getattr(request.state, "key_id", None)
        with stage("audit", len(filings)):
            links = await run_in_threadpool(audit.record, screener, filings, found, key_id)
        answer.headers["X-Audit-Records"] = ", ".join(str(link.seq) for link in links)
    return shadow_screened(request, answer, filings, body.as_of, found)


def _filing(item: FilingIn) -> Filing:
    texts = item.model_dump(exclude={"ipc", "conditions"})
    return Filing(
        **texts, ipc=tuple(item.ipc or ()), conditions=Conditions(**item.conditions.model_dump())
    )
