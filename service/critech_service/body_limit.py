"""Middleware: refuse bodies that are too large before anything parses them.

Prevents a request from filling memory: the declared length is checked first, then what really
arrives is counted, so that a chunked body without a length is stopped as well.
"""

from __future__ import annotations

import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from critech_service.problems import problem


class _TooLargeError(Exception):
    pass


class BodyLimit:
    """ASGI middleware; ``max_bytes`` is the largest body let through."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.max_bytes:
            await self._refuse(scope, receive, send)
            return
        received = 0
        too_large = False

        async def counted() -> Message:
            nonlocal received, too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                too_large = True
                raise _TooLargeError
            return message

        async def watched(message: Message) -> None:
            if not too_large:  # whatever the application makes of the broken body is dropped
                await send(message)

        with contextlib.suppress(_TooLargeError):
            await self.app(scope, counted, watched)
        if too_large:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = problem(
            413,
            f"The body is larger than {self.max_bytes} bytes; send fewer documents at a time.",
            headers={"Connection": "close"},
        )
        await refusal(scope, receive, send)
