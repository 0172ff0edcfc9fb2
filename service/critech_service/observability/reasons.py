"""Why requests are refused: the whole list, so that every reason is a series from the start."""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    "malformed", "key", "scope", "host", "slow_body", "body_size", "media_type", "validation",
    "limit", "rate", "concurrency", "failed_keys", "keys_checked", "unavailable", "keys_file",
    "audit_log", "queue", "deadline", "client_gone", "not_ready", "stopping",
]  # fmt: skip
REASONS: dict[int, Reason] = {
    400: "malformed",
    401: "key",
    403: "scope",
    408: "slow_body",
    413: "body_size",
    415: "media_type",
    421: "host",
    422: "validation",
    429: "limit",
    503: "unavailable",
}
