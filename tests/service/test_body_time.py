"""A body has its time as a whole; a stream is let alone."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from critech_service.body_time import BodyTime

SECONDS = 0.02


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await PlainTextResponse("read")(scope, receive, send)


async def status(path: str, pauses: list[float]) -> int:
    """Return the status for a body of which a piece comes after each pause."""
    waits = list(pauses)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(waits.pop(0))
        return {"type": "http.request", "body": b"x", "more_body": bool(waits)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": "POST", "headers": []}
    await BodyTime(read_all, SECONDS, frozenset({"/stream"}))(scope, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("path", "pauses", "expected"),
    [
        ("/", [0, 0, 0], 200),
        ("/", [0, 3600], 408),
        ("/", [SECONDS / 4] * 40, 408),
        ("/stream", [SECONDS * 3, SECONDS * 3], 200),
        ("/not/stream", [SECONDS * 3, SECONDS * 3], 408),
    ],
)
def test_time_for_a_body(path: str, pauses: list[float], expected: int) -> None:
    assert asyncio.run(status(path, pauses)) == expected
