"""A stream of lines, answered while it is read: one line of answer for one line of request.

Prevents a stream of any length from filling memory: no more is read than is being computed, and no
more is computed than the client takes. Prevents a key that is revoked or expires from living on in
a stream that it opened.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from critech_service.access.refusals import RefusedError
from critech_service.flow.flow import Flow
from critech_service.flow.refusals import FlowRefusal
from critech_service.ndjson import BadLine, Line, LineReader
from critech_service.problems import problem, problem_body, refusal
from critech_service.window import Window

MEDIA_TYPE = "application/x-ndjson"
_FAULTS = {
    "too_long": (413, "The line is longer than {} bytes."),
    "not_utf8": (400, "The line is not UTF-8."),
    "not_json": (400, "The line is not valid JSON."),
}
AnswerLine = Callable[[Line], Awaitable[bytes]]
CheckAgain = Callable[[], None]


class _ClosedError(Exception):
    """The client is gone, or takes nothing."""


class StreamAnswer(Response):
    """The response to a stream. ``answer`` returns the answer to a line, line feed included, and
    raises nothing."""

    media_type = MEDIA_TYPE

    def __init__(self, flow: Flow, answer: AnswerLine) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._flow = flow
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, compute and answer until the stream ends or the client goes away."""
        state = scope.get("state", {})
        key: str = state.get("key_id", "anonymous")
        try:
            self._flow.enter_stream(key)
        except FlowRefusal as full:
            await refusal(full, close=True)(scope, receive, send)
            return
        try:
            await self._converse(receive, send, state.get("check_again", _keyless))
        except* _ClosedError:
            self._flow.count_gone()
        finally:
            self._flow.leave_stream(key)

    async def _converse(self, receive: Receive, send: Send, check_again: CheckAgain) -> None:
        chunks: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        window = Window(2 * self._flow.threads + 2, self._flow.max_line_bytes)
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(_pump(receive, chunks))
            tasks.create_task(self._begin_lines(chunks, window, tasks, check_again))
            await asyncio.sleep(0)  # the first call for a chunk says 100-continue
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for answer in window.answers():
                await self._send(send, answer)
            pump.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin_lines(
        self,
        chunks: asyncio.Queue[bytes | None],
        window: Window,
        tasks: asyncio.TaskGroup,
        check_again: CheckAgain,
    ) -> None:
        """Begin the work of every line as soon as there is room for it, while the key works."""
        try:
            async with aclosing(self._lines(chunks)) as lines:
                async for item in lines:
                    n_bytes = item.n_bytes if isinstance(item, Line) else 0
                    await window.room(n_bytes)
                    check_again()
                    await window.add(tasks.create_task(self._answer_or_fault(item)), n_bytes)
        except RefusedError as ended:
            await window.add(tasks.create_task(_last_line(ended)), 0)
        await window.close()

    async def _lines(self, chunks: asyncio.Queue[bytes | None]) -> AsyncGenerator[Line | BadLine]:
        """Yield what lines give. Raise RefusedError when none comes in time, blank ones apart."""
        reader = LineReader(self._flow.max_line_bytes)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._flow.deadline
        chunk: bytes | None = b""
        while chunk is not None:
            try:
                async with asyncio.timeout_at(end):
                    chunk = await chunks.get()
            except TimeoutError:
                detail = f"No line came for {self._flow.deadline:g} seconds."
                raise RefusedError(problem(408, detail)) from None
            for item in reader.end() if chunk is None else reader.feed(chunk):
                yield item
                end = loop.time() + self._flow.deadline

    async def _send(self, send: Send, answer: bytes) -> None:
        try:
            async with asyncio.timeout(self._flow.deadline):
                await send({"type": "http.response.body", "body": answer, "more_body": True})
        except TimeoutError:
            raise _ClosedError from None

    async def _answer_or_fault(self, item: Line | BadLine) -> bytes:
        if isinstance(item, Line):
            return await self._answer(item)
        status, detail = _FAULTS[item.fault]
        return line_problem(item.number, status, detail.format(self._flow.max_line_bytes))


def line_problem(
    number: int,
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    kind: str = "",
) -> bytes:
    """Return a line of problem details for line ``number``."""
    return as_line({**problem_body(status, detail, errors, kind), "line": number})


def as_line(value: Mapping[str, Any]) -> bytes:
    """Return a value as a line of JSON; what UTF-8 cannot hold is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False).encode() + b"\n"


async def _last_line(ended: RefusedError) -> bytes:
    """Return the refusal with which a stream ends, as line 0."""
    return as_line({**json.loads(bytes(ended.answer.body)), "line": 0})


def _keyless() -> None:
    """Find nothing amiss where no key is asked for."""


async def _pump(receive: Receive, chunks: asyncio.Queue[bytes | None]) -> None:
    """Hand chunks on, never more than one ahead; raise when the client goes away."""
    more = True
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClosedError
        if more:
            more = message.get("more_body", False)
            if message.get("body"):
                await chunks.put(message["body"])
            if not more:
                await chunks.put(None)
