"""Middleware: refuse bodies that take too long to arrive.

Prevents a client that sends a byte now and then from holding a request, its memory and its share of
the concurrency for ever.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from critech_service.problems import problem


class _TooSlowError(Exception):
    pass


class BodyTime:
    """ASGI middleware; ``seconds`` is the time for a whole body, ``streams`` are the paths it lets
    alone: those have no end in sight, and their route limits the wait for each piece."""

    def __init__(self, app: ASGIApp, seconds: float, streams: frozenset[str] = frozenset()) -> None:
        self.app = app
        self.seconds = seconds
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 408."""
        if scope["type"] != "http" or scope["path"] in self.streams:
            await self.app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.seconds
        is_complete = is_late = is_answered = False

        async def timely() -> Message:
            nonlocal is_complete, is_late
            if is_complete:  # what comes now is that the client goes away, whenever it does
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                is_late = True
                raise _TooSlowError from None
            is_complete = not message.get("more_body", False)
            return message

        async def watched(message: Message) -> None:
            nonlocal is_answered
            if is_answered or not is_late:  # what the application makes of the rest is dropped
                is_answered = True
                await send(message)

        with contextlib.suppress(_TooSlowError):
            await self.app(scope, timely, watched)
        if is_late and not is_answered:
            detail = f"The body took longer than {self.seconds:g} seconds."
            await problem(408, detail, headers={"Connection": "close"})(scope, receive, send)
