"""What is sent again, without network and clock."""

from __future__ import annotations

import json

import pytest

from critech.client.calls import Call, screen_call
from critech.client.errors import BusyError
from critech.client.exchange import Outcome, Reply, exchange
from critech.client.retry import Retry

CLASSIFY = Call("POST", "/v1/classify")
SCREEN = screen_call([], explain=False, as_of=None)


def refusal(status: int, kind: str) -> Reply:
    body = {"type": f"urn:critech:problem:{kind}", "title": "t", "status": status, "detail": "d"}
    headers = {"content-type": "application/problem+json", "retry-after": "5"}
    return Reply(status, headers, json.dumps(body).encode())


def n_requests(call: Call, answer: Reply) -> int:
    """Return how often a call is sent while the answer stays the same."""
    steps = exchange(call, Retry(attempts=4))
    outcome: Outcome = None
    n_sent = 0
    while True:
        try:
            step = steps.send(outcome)
        except BusyError:
            return n_sent
        outcome = answer if isinstance(step, Call) else None
        n_sent += isinstance(step, Call)


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "too-many-requests"), (503, "queue-full"), (503, "deadline-passed")]
)
def test_a_screening_of_which_nothing_was_kept_is_sent_again(status: int, kind: str) -> None:
    assert n_requests(SCREEN, refusal(status, kind)) == 4


@pytest.mark.parametrize(
    "answer",
    [refusal(503, "not-ready"), refusal(503, "of-tomorrow"), Reply(503, {}, b"a proxy's page")],
)
def test_a_screening_that_may_be_on_record_is_not_sent_again(answer: Reply) -> None:
    assert n_requests(SCREEN, answer) == 1
    assert n_requests(CLASSIFY, answer) == 4
