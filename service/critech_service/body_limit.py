"""Middleware: refuse bodies that are too large before anything parses them.

Prevents requests from filling memory: the declared length is checked first, then what really
arrives is counted, so that a chunked body without a length is stopped as well; and all bodies
together are counted until their requests end, so that many at once are refused. A stream has no
end to count: its route holds a bounded part of it.
"""

from __future__ import annotations

import contextlib

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from critech_service.flow.refusals import QueueFullError
from critech_service.problems import refusal

BODIES = 16  # so many of the largest may be held at once


class _RefusedError(Exception):
    pass


class BodyLimit:
    """ASGI middleware; ``max_bytes`` is the largest body let through, ``streams`` are the paths
    it lets alone, and ``held`` counts the bytes of bodies whose requests have not ended."""

    def __init__(self, app: ASGIApp, max_bytes: int, streams: frozenset[str] = frozenset()) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.streams = streams
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413 or 503."""
        bodiless = scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH")
        if bodiless or scope["path"] in self.streams:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.max_bytes:
            await refusal(self._too_large(), close=True)(scope, receive, send)
            return
        received = 0
        refused: HTTPException | None = None

        async def counted() -> Message:
            nonlocal received, refused
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self.held += size
            if received > self.max_bytes:
                refused = self._too_large()
            elif size and self.held > BODIES * self.max_bytes:
                refused = _too_many()
            if refused is not None:
                raise _RefusedError
            return message

        async def watched(message: Message) -> None:
            if refused is None:  # whatever the application makes of the broken body is dropped
                await send(message)

        try:
            with contextlib.suppress(_RefusedError):
                await self.app(scope, counted, watched)
        finally:
            self.held -= received
        if refused is not None:
            await refusal(refused, close=True)(scope, receive, send)

    def _too_large(self) -> HTTPException:
        detail = f"The body is larger than {self.max_bytes} bytes; send fewer documents at a time."
        return HTTPException(413, detail)


def _too_many() -> QueueFullError:
    return QueueFullError(1, "Too many large bodies are held at once; nothing was computed.")
