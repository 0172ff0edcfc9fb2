"""Middleware: answer 500 to what nobody expected, without a word of the request anywhere.

Prevents an exception whose message holds text from reaching the server's log: only the type of the
exception and its place in the code are logged, and nothing is raised further. That goes for every
exception there is: those of compiled libraries (a panic of the tokenizer) are no ``Exception``, and
may quote their input.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from critech_service.observability.logs import failure
from critech_service.observability.record import refused_for
from critech_service.problems import problem

log = logging.getLogger("critech")


class Guard:
    """ASGI middleware, around all but what adds to an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; turn any exception into a problem response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:  # the server stops and has no more time for this request
            if started:
                raise asyncio.CancelledError from None  # what it came upon is left behind
            refused_for("stopping")
            headers = {"Retry-After": "5", "Connection": "close"}
            answer = problem(503, "The server stops; nothing was answered.", headers=headers)
            await answer(scope, receive, send)
        except BaseException as error:
            log.error("unexpected %s", type(error).__name__, extra={"fields": failure(error)})
            if not started:
                answer = problem(500, "An unexpected error occurred; nothing was answered.")
                await answer(scope, receive, send)
