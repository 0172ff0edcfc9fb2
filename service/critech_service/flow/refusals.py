"""Why work is not taken on, or not finished. The edges make problem responses of these."""

from __future__ import annotations

from fastapi import HTTPException


class FlowRefusal(HTTPException):
    """Base. ``kind`` names the problem, as in ``urn:critech:problem:<kind>``."""

    kind = ""

    def __init__(self, status: int, detail: str, retry_after: int | None = None) -> None:
        headers = None if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, detail, headers)


class QueueFullError(FlowRefusal):
    """As much waits as may wait; there will be room in ``retry_after`` seconds."""

    kind = "queue-full"

    def __init__(
        self, retry_after: int, detail: str = "The queue is full; nothing was computed."
    ) -> None:
        super().__init__(503, detail, retry_after)


class TooManyStreamsError(FlowRefusal):
    """One key has as many streams open as a key may have."""

    kind = "too-many-streams"

    def __init__(self, limit: int) -> None:
        super().__init__(503, f"The key has {limit} streams open, as many as a key may have.", 1)
        self.limit = limit


class TooMuchWorkError(FlowRefusal):
    """One request alone is more than may ever wait."""

    kind = "too-much-work"

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(
            413,
            f"The request is work for about {tokens} tokens, evidence counted, and {limit} may "
            "wait; send fewer or shorter texts at a time, or ask for no evidence.",
        )
        self.tokens = tokens
        self.limit = limit


class DeadlineError(FlowRefusal):
    """The time for a request is over; what was left of its work is dropped."""

    kind = "deadline-passed"

    def __init__(self, seconds: float, retry_after: int) -> None:
        detail = f"The work was not finished within {seconds:g} seconds; send less at a time."
        super().__init__(503, detail, retry_after)


class ClientGoneError(FlowRefusal):
    """The client went away; nobody reads this answer."""

    kind = "client-gone"

    def __init__(self) -> None:
        super().__init__(499, "The client went away.")
