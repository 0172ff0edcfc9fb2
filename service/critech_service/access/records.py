"""Keys: what is kept of one, and how one is made.

A key reads ``ck_<id>_<secret>``. The id is public and finds the record; of the secret only a hash
is kept.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections import Counter
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from critech_service.access.hashing import KeyHash, hash_secret

MAX_KEYS = 1_000
_TOKEN = re.compile(r"ck_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


class Scope(StrEnum):
    """What a key allows. None includes another."""

    CLASSIFY = "classify"
    SCREEN = "screen"
    REVIEW = "review"
    ADMIN = "admin"
    METRICS = "metrics"


def _printable(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise ValueError("must be printable, without spaces around it")
    return name


class KeyRecord(BaseModel):
    """What is kept of a key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    name: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_printable)]
    scopes: tuple[Scope, ...] = Field(min_length=1)
    created: dt.datetime
    expires: dt.date | None = Field(None, description="Last day, in UTC, on which the key works.")
    revoked: dt.datetime | None = None
    hashed: KeyHash

    def state(self, today: dt.date) -> Literal["active", "revoked", "expired"]:
        """Return whether the key works on a day (UTC)."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and today > self.expires else "active"


class KeyFile(BaseModel):
    """All keys, as the keys file and ``CRITECH_KEYS`` hold them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1  # raise it when a reader of the old form would misread the new one
    keys: tuple[KeyRecord, ...] = Field((), max_length=MAX_KEYS)

    @model_validator(mode="after")
    def _unique(self) -> KeyFile:
        if any(count > 1 for count in Counter(record.id for record in self.keys).values()):
            raise ValueError("two keys have the same id")
        return self


def new_key(
    name: str, scopes: tuple[Scope, ...], expires: dt.date | None = None
) -> tuple[KeyRecord, str]:
    """Return the record of a new key, and the key itself, which nothing else holds."""
    secret = secrets.token_urlsafe(32)
    record = KeyRecord(
        id=secrets.token_hex(6),
        name=name,
        scopes=scopes,
        created=now(),
        expires=expires,
        hashed=hash_secret(secret),
    )
    return record, f"ck_{record.id}_{secret}"


def split_token(token: str) -> tuple[str, str] | None:
    """Return key id and secret, or None where the form is not that of a key."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def now() -> dt.datetime:
    """Return the time in UTC, to the second."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)
