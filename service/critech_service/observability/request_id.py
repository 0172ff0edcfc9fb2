"""The id under which a request is found in logs, traces and answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from contextvars import ContextVar

HEADER = "X-Request-Id"
_SAFE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]{7,63}")

current: ContextVar[str | None] = ContextVar("critech_request_id", default=None)


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id that a client sent, if it sent one of 8 to 64 letters, digits and hyphens, else
    a new one. Nothing else of what it sent is kept."""
    sent = [value for name, value in headers if name == b"x-request-id"]
    if len(sent) == 1 and _SAFE.fullmatch(sent[0]):
        return sent[0].decode("ascii")
    return uuid.uuid4().hex
