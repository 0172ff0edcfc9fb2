"""Middleware: let in who shows a valid key of the right scope.

Prevents use without a key, and bodies from strangers from being read at all.
"""

from __future__ import annotations

import time
from functools import partial

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from critech_service.access.buckets import Clock
from critech_service.access.credentials import presented
from critech_service.access.keyring import KeyRing
from critech_service.access.records import KeyRecord, Scope
from critech_service.access.refusals import RefusedError, forbidden, unauthorised, unavailable
from critech_service.access.scopes import need
from critech_service.access.store import KeysError
from critech_service.access.verifier import Verifier


class Authenticate:
    """ASGI middleware; sets ``key_id`` and ``scopes`` in the state of a request that it lets
    in, and ``check_again``, to be called in the course of a long one: it raises RefusedError where
    the request would not be let in any more."""

    def __init__(self, app: ASGIApp, ring: KeyRing, clock: Clock = time.monotonic) -> None:
        self.app = app
        self.ring = ring
        self.verifier = Verifier(ring, clock)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401, 403, 429 or 503."""
        if scope["type"] == "websocket":  # no route is one
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        if scope["type"] == "http" and need(scope["path"]) != "open":
            try:
                record = await self._admitted(scope)
            except RefusedError as refused:
                await refused.answer(scope, receive, send)
                return
            admitted = {
                "key_id": record.id,
                "scopes": record.scopes,
                "check_again": partial(self._check_again, record, scope["path"]),
            }
            scope.setdefault("state", {}).update(admitted)
        await self.app(scope, receive, send)

    async def _admitted(self, scope: Connection) -> KeyRecord:
        keys = presented(scope["headers"])
        if not keys:
            detail = "Send a key as `Authorization: Bearer` or `X-API-Key`."
            raise RefusedError(unauthorised(detail))
        if len(keys) > 1:
            raise RefusedError(unauthorised("Send one key, not several.", "invalid_request"))
        self._refresh()
        address = scope["client"][0] if scope.get("client") else ""
        record = await self.verifier.record(keys.pop(), address)
        _check_scope(record, scope["path"])
        return record

    def _check_again(self, record: KeyRecord, path: str) -> None:
        self._refresh()
        _check_scope(self.verifier.again(record), path)

    def _refresh(self) -> None:
        try:
            self.ring.refresh()
        except KeysError:
            raise RefusedError(unavailable()) from None


def _check_scope(record: KeyRecord, path: str) -> None:
    needed = need(path)
    if isinstance(needed, Scope) and needed not in record.scopes:
        raise RefusedError(forbidden(needed))
