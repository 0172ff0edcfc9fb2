"""The answers to those who are not let in. None repeats what was sent."""

from __future__ import annotations

import math

from starlette.responses import Response

from critech_service.access.records import Scope
from critech_service.observability.reasons import Reason
from critech_service.observability.record import refused_for
from critech_service.problems import problem


class RefusedError(Exception):
    """A request is not let in, or a stream not gone on with; ``answer`` is what its client gets."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def unauthorised(detail: str, error: str = "") -> Response:
    """Return 401 with the challenge of RFC 6750."""
    challenge = 'Bearer realm="critech"' + (f', error="{error}"' if error else "")
    return problem(401, detail, headers={"WWW-Authenticate": challenge})


def forbidden(needed: Scope) -> Response:
    """Return 403 for a valid key without the scope that is needed."""
    challenge = f'Bearer realm="critech", error="insufficient_scope", scope="{needed}"'
    detail = f"This path needs a key with the scope {needed}."
    return problem(403, detail, headers={"WWW-Authenticate": challenge})


def too_many(detail: str, wait: float, reason: Reason = "limit") -> Response:
    """Return 429; ``wait`` is in seconds and rounded up to whole ones, at least 1."""
    refused_for(reason)
    return problem(429, detail, headers={"Retry-After": str(max(1, math.ceil(wait)))})


def unavailable() -> Response:
    """Return 503 while the keys cannot be read."""
    refused_for("keys_file")
    detail = "The keys cannot be read; the server's log says why."
    return problem(503, detail, headers={"Retry-After": "5"})
