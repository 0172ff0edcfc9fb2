"""What the files here share beside fixtures: a key for each scope, and the limits of the server."""

from __future__ import annotations

from dataclasses import dataclass

from critech_service.access.records import KeyRecord

MAX_BYTES = 600_000
RECEIVE_SECONDS = 2


@dataclass(frozen=True)
class Keys:
    """A key for each scope, by name, and their records."""

    tokens: dict[str, str]
    records: dict[str, KeyRecord]

    def header(self, name: str) -> dict[str, str]:
        return {"X-API-Key": self.tokens[name]}
