"""Whether the service can classify, from its answer on ``/readyz``."""

from __future__ import annotations

from critech.client.calls import Call
from critech.client.errors import AnswerError
from critech.client.exchange import Outcome, Reply, error_of
from critech.client.shapes import Health

HEALTH = Call("GET", "/readyz")


def health_of(outcome: Outcome) -> Health:
    """Return the state of the service; raise ClientError where none can be read."""
    if not isinstance(outcome, Reply) or outcome.status not in {200, 503}:
        raise error_of(outcome) or AnswerError(0, "the answer is none of critech's")
    body = outcome.json()
    if not isinstance(body, dict) or not isinstance(body.get("checks"), dict):
        raise AnswerError(outcome.status, "the answer is none of critech's")
    health: Health = {"ready": outcome.status == 200, "checks": body["checks"]}
    if "model" in body:
        health["model"] = body["model"]
    return health
