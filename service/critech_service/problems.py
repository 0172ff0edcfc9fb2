"""Errors as RFC 9457 problem details, one shape everywhere, never repeating what was sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from critech.audit import AuditError
from critech.errors import InputError
from critech_service.flow.refusals import FlowRefusal
from critech_service.observability.reasons import Reason
from critech_service.observability.record import refused_for
from critech_service.observability.request_id import current
from critech_service.schemas import Problem

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
log = logging.getLogger("critech")
_TITLES = {
    400: ("malformed-request", "The request cannot be read"),
    401: ("unauthorised", "A key is needed"),
    403: ("forbidden", "This is not allowed"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "The method is not allowed here"),
    408: ("request-timeout", "The request took too long to arrive"),
    409: ("conflict", "Something else is under way"),
    413: ("body-too-large", "The request body is too large"),
    415: ("unsupported-media-type", "The request body has another media type"),
    421: ("misdirected-request", "The request is for another host"),
    422: ("invalid-request", "The request is not valid"),
    424: ("bundle-refused", "The bundle cannot serve"),
    429: ("too-many-requests", "There are too many requests"),
    500: ("internal-error", "The server failed"),
    499: ("client-gone", "The client went away"),
    503: ("not-ready", "The server is not ready"),
}
_KINDS = {
    "queue-full": "The queue is full",
    "too-much-work": "The request is too much work",
    "deadline-passed": "The time for the request is over",
    "too-many-streams": "The key has too many streams open",
}


FLOW_REASONS: dict[str, Reason] = {
    "queue-full": "queue",
    "too-much-work": "queue",
    "too-many-streams": "concurrency",
    "deadline-passed": "deadline",
    "client-gone": "client_gone",
}


def _documented(status: int) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["properties"]["errors"]["items"] = schema.pop("$defs")["FieldError"]
    return {"description": _TITLES[status][1], "content": {MEDIA_TYPE: {"schema": schema}}}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of problem responses with these statuses."""
    return {status: _documented(status) for status in statuses}


def link(*operations: str, **parameters: str) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of a success whose body holds the parameters of other operations."""
    return {
        200: {
            "links": {name: {"operationId": name, "parameters": parameters} for name in operations}
        }
    }


PROBLEM_RESPONSES = documented(400, 408, 413, 415, 422)
NOT_FOUND_RESPONSE = documented(404, 422)
OTHER_RESPONSE: dict[int | str, dict[str, Any]] = {
    "default": {**_documented(500), "description": "Any other error"}
}
LIMIT_RESPONSES = documented(421, 429)
ACCESS_RESPONSES = documented(401, 403, 429, 503)
UNAVAILABLE_RESPONSE = documented(503)


class UnicodeJSONResponse(JSONResponse):
    """JSON in UTF-8; what UTF-8 cannot hold (a lone surrogate in an id) is escaped."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        try:
            return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:
            return json.dumps(content, allow_nan=False).encode()


def problem(
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    *,
    members: Mapping[str, Any] | None = None,
    kind: str = "",
) -> Response:
    """Return a problem response, with further members if there are any."""
    body = {**problem_body(status, detail, errors, kind), **(members or {})}
    return UnicodeJSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def problem_body(
    status: int, detail: str, errors: Sequence[Mapping[str, str]] = (), kind: str = ""
) -> dict[str, Any]:
    """Return problem details; ``kind`` names a problem that is more special than its status."""
    slug, title = _TITLES.get(status, ("error", "The request failed"))
    if kind in _KINDS:
        slug, title = kind, _KINDS[kind]
    body: dict[str, Any] = {
        "type": f"urn:critech:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "errors": [dict(error) for error in errors],
    }
    if (request_id := current.get()) is not None:
        body["request_id"] = request_id
    return body


def refusal_reason(error: Exception) -> Reason | None:
    """Return what metrics count a refusal under, None where the status of the answer tells."""
    if isinstance(error, FlowRefusal):
        return FLOW_REASONS[error.kind]
    if isinstance(error, AuditError):
        return "audit_log"
    if isinstance(error, InputError):  # 422 or, in other protocols, 400
        return "malformed" if error.field == "body" else "validation"
    return None


def note_refusal(error: Exception) -> None:
    """Take note why the current request is refused. Call it wherever an error becomes an answer."""
    if (reason := refusal_reason(error)) is not None:
        refused_for(reason)


def refusal(error: HTTPException, *, close: bool = False) -> Response:
    """Return the problem response to a refusal, and take note of it. ``close`` ends the connection:
    for a body that is not read."""
    note_refusal(error)
    headers = {**(error.headers or {}), **({"Connection": "close"} if close else {})}
    kind = error.kind if isinstance(error, FlowRefusal) else ""
    return problem(error.status_code, str(error.detail), headers=headers, kind=kind)


def field_path(location: Sequence[str | int]) -> str:
    """Return ``documents[0].text`` for ``("body", "documents", 0, "text")``."""
    parts = location[1:] if location and location[0] in ("body", "query", "path") else location
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or (str(location[0]) if location else "body")


def refused_body(
    request: Request, error: RequestValidationError | InputError, status: int = 422
) -> Response:
    """Return the problem response to a request whose content is not valid: 415 or 400 where it
    cannot be read at all, else ``status``."""
    if isinstance(error, InputError):
        note_refusal(error)
        return problem(status, str(error), [{"field": error.field, "message": error.problem}])
    found = error.errors()
    of_body = request.method == "POST" and any(item["loc"][:1] == ("body",) for item in found)
    if of_body and not _is_json(request.headers.get("content-type", "")):
        return problem(415, "Send the body as application/json.")
    if any(item["type"] == "json_invalid" for item in found):
        return problem(400, "The body is not valid JSON.")
    refused_for("validation")
    errors = [field_error(item) for item in found]
    detail = f"{errors[0]['field']}: {errors[0]['message']}"
    if len(errors) > MAX_ERRORS:
        detail += f" ({len(errors)} errors in all)"
    return problem(status, detail, errors[:MAX_ERRORS])


def field_error(item: Mapping[str, Any]) -> dict[str, str]:
    """Return field and message of one of pydantic's errors, without the value."""
    return {"field": _known_path(item), "message": str(item["msg"])}


def install(app: FastAPI) -> None:
    """Register the handlers that turn every error into a problem response."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return refused_body(request, error)

    @app.exception_handler(InputError)
    async def unusable(request: Request, error: InputError) -> Response:
        return refused_body(request, error)

    @app.exception_handler(AuditError)
    async def unrecorded(_: Request, error: AuditError) -> Response:
        log.error("nothing was answered: %s", error)
        note_refusal(error)
        detail = "The audit log cannot be written, so nothing is answered."
        return problem(503, detail, headers={"Retry-After": "5"})

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return refusal(error)


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _known_path(item: Mapping[str, Any]) -> str:
    """Return the path of an error. The name of an unknown field is the caller's own text, so the
    path ends before it."""
    location = list(item["loc"])
    return field_path(location[:-1] if item["type"] == "extra_forbidden" else location)
