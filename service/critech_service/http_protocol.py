"""The HTTP parser of the server: impatient with slow heads, and with words of our own for what it
cannot parse.

h11 is named outright, so that another parser that happens to be installed does not take its place.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Protocol(H11Protocol):
    """uvicorn's protocol over h11. A connection whose next request has no complete head
    ``head_seconds`` after it was opened, or after the first byte where it is kept alive, is closed:
    else idle and trickling clients use up all file descriptors. uvicorn itself ends only those idle
    between two requests."""

    def __init__(self, *args: Any, head_seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.head_seconds = head_seconds
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Stop the clock once a head is complete."""
        self._await_head()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as everything else is answered."""
        from critech_service.problems import MEDIA_TYPE, problem
        from critech_service.security_headers import ALWAYS, POLICY

        answer = problem(400, "This is no HTTP request that can be read.")
        headers = [
            *ALWAYS.items(),
            ("Content-Security-Policy", POLICY),
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(answer.body))),
            ("Connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _await_head(self) -> None:
        if self._head_timer is None and self.conn.their_state is h11.IDLE:
            self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_clock(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
