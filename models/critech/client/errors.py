"""What goes wrong between a client and the service, as exceptions that never hold what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from critech.errors import CritechError

FaultKind = Literal["not_sent", "cut", "timeout"]


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with a request: where it stands, as ``documents[0].text``, and what."""

    field: str
    message: str


class ClientError(CritechError):
    """Base of all that a client raises."""


class UnreachableError(ClientError):
    """No answer came. ``kind`` is ``not_sent`` where no connection was made, ``cut`` where it broke
    before the answer was whole, ``timeout`` where the service was silent too long."""

    def __init__(self, kind: FaultKind, cause: str) -> None:
        super().__init__(f"no answer from the service ({cause})")
        self.kind = kind


class AnswerError(ClientError):
    """An answer that is none of the service's: a proxy's page, or cut JSON."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(f"{problem} (status {status})")
        self.status = status


class ProblemError(ClientError):
    """The service refused or failed (RFC 9457). ``retry_after`` is in seconds, None where the
    service gave none; ``request_id`` is that of the server's log."""

    def __init__(
        self,
        status: int,
        body: Mapping[str, Any],
        request_id: str | None,
        retry_after: float | None,
    ) -> None:
        self.status = status
        self.type = str(body.get("type", "about:blank"))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", self.title))
        errors = body.get("errors")
        self.errors = tuple(
            FieldProblem(str(error.get("field", "")), str(error.get("message", "")))
            for error in (errors if isinstance(errors, list) else ())
            if isinstance(error, dict)
        )
        self.request_id = body.get("request_id") or request_id
        self.retry_after = retry_after
        super().__init__(f"{status} {self.type}: {self.detail}")


class InvalidRequestError(ProblemError):
    """400 to 499 but for access and limits: the request itself has to change."""


class AccessError(ProblemError):
    """401 or 403: a key is missing, unknown, expired or lacks the scope."""


class BusyError(ProblemError):
    """429 or 503: the same request may pass later."""


class ServerError(ProblemError):
    """Any other status from 500: the service failed."""


def problem_error(
    status: int, body: Mapping[str, Any], request_id: str | None, retry_after: float | None
) -> ProblemError:
    """Return the exception of a status."""
    kind: type[ProblemError] = ServerError if status >= 500 else InvalidRequestError
    if status in {401, 403}:
        kind = AccessError
    elif status in {429, 503}:
        kind = BusyError
    return kind(status, body, request_id, retry_after)
