"""One request to its answer, with retries: the steps, without any network or clock.

A generator yields a ``Call`` to send, and gets back a ``Reply`` or an ``UnreachableError``, or
yields seconds to wait. So the synchronous and the asynchronous client share all but the sending.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from critech.client.calls import Call
from critech.client.errors import (
    AnswerError,
    BusyError,
    ClientError,
    ProblemError,
    UnreachableError,
    problem_error,
)
from critech.client.retry import Retry, retry_after_seconds

PROBLEM = "application/problem+json"
_NOTHING_TAKEN = {f"urn:critech:problem:{kind}" for kind in ("queue-full", "deadline-passed")}


@dataclass(frozen=True)
class Reply:
    """What came back. Names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the answer's JSON; raise AnswerError where there is none."""
        with contextlib.suppress(ValueError):
            return json.loads(self.content)
        raise AnswerError(self.status, "the answer is not JSON")


Step: TypeAlias = Call | float
Outcome: TypeAlias = Reply | UnreachableError | None


def exchange(call: Call, retry: Retry) -> Generator[Step, Outcome, Reply]:
    """Return the reply to a call that passed; raise ClientError once no retry is left or due."""
    n_sent = 0
    while True:
        outcome = yield call
        n_sent += 1
        error = error_of(outcome)
        if error is None:
            assert isinstance(outcome, Reply)
            return outcome
        wait = retry_wait(error, n_sent, call.repeatable, retry)
        if wait is None:
            raise error
        yield wait


def retry_wait(error: ClientError, n_sent: int, repeatable: bool, retry: Retry) -> float | None:
    """Return the seconds after which to send again, None for never. What is not ``repeatable``
    is sent again only where the answer shows that the service kept nothing of it: it also
    answers 503 when a record was written and could not be synced, or when it stops."""
    if isinstance(error, BusyError):
        if not (repeatable or error.status == 429 or error.type in _NOTHING_TAKEN):
            return None
        return retry.wait(n_sent, error.retry_after, random.random())
    lost = isinstance(error, UnreachableError) and (
        error.kind == "not_sent" or (error.kind == "cut" and repeatable)
    )
    return retry.wait(n_sent, None, random.random()) if lost else None


def error_of(outcome: Outcome) -> ClientError | None:
    """Return what is wrong with an outcome, None for an answer that passed."""
    if not isinstance(outcome, Reply):
        return outcome
    if 200 <= outcome.status < 300:
        return None
    body = _problem_body(outcome)
    if body is None and outcome.status not in {429, 502, 503, 504}:
        return AnswerError(outcome.status, "the answer is none of critech's")
    after = retry_after_seconds(outcome.headers.get("retry-after"), dt.datetime.now(dt.UTC))
    return problem_error(outcome.status, body or {}, outcome.headers.get("x-request-id"), after)


def line_error(body: Mapping[str, Any]) -> ProblemError:
    """Return the problem of one line of a stream."""
    return problem_error(int(body["status"]), body, None, None)


def _problem_body(reply: Reply) -> dict[str, Any] | None:
    if not reply.headers.get("content-type", "").startswith(PROBLEM):
        return None
    try:
        body = json.loads(reply.content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
