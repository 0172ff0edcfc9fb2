"""Middleware: so many requests a minute and so many at once for each key.

Prevents one client from taking the whole service. Without keys all clients are one, "anonymous".
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from critech_service.access.buckets import Clock, TokenBucket
from critech_service.access.refusals import too_many
from critech_service.access.scopes import need


@dataclass
class _Client:
    bucket: TokenBucket | None
    running: int = 0


class Limits:
    """ASGI middleware inside of ``Authenticate``; a limit of 0 is none."""

    def __init__(
        self, app: ASGIApp, per_minute: int, at_once: int, clock: Clock = time.monotonic
    ) -> None:
        self.app = app
        self.per_minute = per_minute
        self.at_once = at_once
        self._clock = clock
        self._clients: dict[str, _Client] = {}  # as many as there are keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or need(scope["path"]) == "open":
            await self.app(scope, receive, send)
            return
        client = self._client(scope.get("state", {}).get("key_id", "anonymous"))
        if (refusal := self._refusal(client)) is not None:
            await refusal(scope, receive, send)
            return
        client.running += 1
        try:
            await self.app(scope, receive, send)
        finally:
            client.running -= 1

    def _client(self, name: str) -> _Client:
        if name not in self._clients:
            bucket = TokenBucket(self.per_minute, self._clock) if self.per_minute else None
            self._clients[name] = _Client(bucket)
        return self._clients[name]

    def _refusal(self, client: _Client) -> Response | None:
        if self.at_once and client.running >= self.at_once:
            return too_many(f"More than {self.at_once} requests at once.", 1, "concurrency")
        if client.bucket is not None and (wait := client.bucket.take()):
            return too_many(f"More than {self.per_minute} requests a minute.", wait, "rate")
        return None
