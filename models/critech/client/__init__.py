"""A typed client of the HTTP service, synchronous and asynchronous (extra ``client``)."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("httpx2") is None:
    raise ImportError("the client needs httpx2: pip install 'critech[client]'")

from critech.client.async_client import AsyncClient
from critech.client.errors import (
    AccessError,
    AnswerError,
    BusyError,
    ClientError,
    FieldProblem,
    InvalidRequestError,
    ProblemError,
    ServerError,
    UnreachableError,
)
from critech.client.retry import Retry
from critech.client.sync_client import Client
from critech.client.windows import StreamItem

__all__ = [
    "AccessError",
    "AnswerError",
    "AsyncClient",
    "BusyError",
    "Client",
    "ClientError",
    "FieldProblem",
    "InvalidRequestError",
    "ProblemError",
    "Retry",
    "ServerError",
    "StreamItem",
    "UnreachableError",
]
