"""``/v1/screen/review``: a reviewer's verdict, for the audit log and the corrections file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from critech.audit import Link
from critech.audit_log import AuditLog
from critech.audit_override import override
from critech.corrections import Correction, add_correction
from critech.errors import InputError
from critech_service.access.records import Scope
from critech_service.audit import Audit
from critech_service.leases import classifier_of
from critech_service.problems import (
    NOT_FOUND_RESPONSE,
    PROBLEM_RESPONSES,
    UNAVAILABLE_RESPONSE,
    UnicodeJSONResponse,
)
from critech_service.review_schemas import CorrectionIn, ReviewIn, ReviewingOut, ReviewOut

PATH = "/v1/screen/review"
# a path of its own: one path with two methods would name one of them in `Allow`
PATH_STATE = "/v1/screen/reviewing"
router = APIRouter(tags=["screening"])


@router.get(
    PATH_STATE,
    summary="Whether a review is taken, and what it can write to",
    response_model=ReviewingOut,
)
async def reviewing(request: Request) -> Response:
    """Return whether the audit log is on, whether the operator keeps a corrections file, and
    whether this key may review."""
    state = request.app.state
    kept = state.audit is not None and state.corrections_file is not None
    scopes = getattr(request.state, "scopes", tuple(Scope))  # without keys everybody may
    return UnicodeJSONResponse(
        {"audit": state.audit is not None, "corrections": kept, "allowed": Scope.REVIEW in scopes}
    )


@router.post(
    PATH,
    summary="Accept or overrule a verdict",
    response_model=ReviewOut,
    responses={**PROBLEM_RESPONSES, **NOT_FOUND_RESPONSE, **UNAVAILABLE_RESPONSE},
)
async def review(body: ReviewIn, request: Request) -> Response:
    """Put a reviewer's verdict on record after the machine's, which is not changed, and add
    corrections without any text to the operator's file. 404 where no audit log is kept."""
    audit: Audit | None = request.app.state.audit
    if audit is None:
        raise HTTPException(404, "No audit log is kept, so there is nothing to review.")
    path: Path | None = request.app.state.corrections_file
    if body.corrections and path is None:
        raise InputError("corrections", "are not kept by this service")
    _check_labels(body.corrections, frozenset(classifier_of(request).bundle.labels))
    key_id = getattr(request.state, "key_id", None)
    reviewer = body.reviewer if key_id is None else f"{body.reviewer}@{key_id}"
    link = await run_in_threadpool(_write, audit.log, body, reviewer, path)
    return UnicodeJSONResponse(
        {
            "record": link.seq,
            "hash": link.hash,
            "reviewer": reviewer,
            "corrections": len(body.corrections),
        }
    )


def _check_labels(corrections: Sequence[CorrectionIn], known: frozenset[str]) -> None:
    for number, item in enumerate(corrections):
        if item.label not in known:
            raise InputError(f"corrections[{number}].label", "is not a known label")


def _write(log: AuditLog, body: ReviewIn, reviewer: str, path: Path | None) -> Link:
    link, record = override(log, body.record, body.verdict, body.reason_code, reviewer)
    if path is not None and body.corrections:
        try:
            _correct(path, body.corrections, reviewer, record["filing"]["hmac"])
        except InputError:
            detail = f"Record {link.seq} holds the review; the corrections cannot be written."
            raise HTTPException(503, detail) from None
    return link


def _correct(path: Path, items: Sequence[CorrectionIn], reviewer: str, filing: str) -> None:
    """Add corrections that name the filing by its digest: neither its text nor its id is kept."""
    now = dt.datetime.now(dt.UTC)
    for item in items:
        add_correction(path, Correction(item.label, item.judgement, reviewer, now, hmac=filing))
