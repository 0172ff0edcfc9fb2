"""How OpenAPI tells of the keys. The middleware does the checking; this only declares it."""

from __future__ import annotations

from typing import Any

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPBearer

_FORM = "A key by `critech keys create`, of the form `ck_<id>_<secret>`."
ALTERNATIVES: list[Any] = [
    Security(HTTPBearer(auto_error=False, description=_FORM)),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False, description=_FORM)),
]
