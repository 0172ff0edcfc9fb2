"""How a client reaches the service: address, key, time limits."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import httpx2

from critech.client.calls import Call
from critech.client.errors import UnreachableError
from critech.client.exchange import Reply

DEFAULT_URL = "http://127.0.0.1:8000"


class ConnectionKeywords(TypedDict, total=False):
    """The members of ``Connection`` but for the address, all of them optional."""

    key: str | None
    timeout: float
    connect_timeout: float
    uds: Path | str | None
    verify: ssl.SSLContext | bool


@dataclass(frozen=True)
class Connection:
    """Where the service answers. ``timeout`` is the longest silence, in seconds, while a
    request is sent or its answer awaited and read, a little above the service's own deadline; an
    answer that keeps coming may take longer. ``connect_timeout`` is that of reaching the service.
    ``uds`` is a UNIX socket, ``verify`` False or a context of the operator's own for TLS."""

    url: str = DEFAULT_URL
    key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    connect_timeout: float = 5.0
    uds: Path | str | None = None
    verify: ssl.SSLContext | bool = True

    def arguments(self) -> dict[str, Any]:
        """Return what httpx2's clients are made with, but for the transport. Neither proxies nor
        keys are taken from the environment: texts go to the address given and nowhere else."""
        return {
            "base_url": self.url,
            "headers": {} if self.key is None else {"Authorization": f"Bearer {self.key}"},
            "timeout": httpx2.Timeout(self.timeout, connect=self.connect_timeout),
            "trust_env": False,
            "verify": self.verify,
        }

    def socket(self) -> str | None:
        """Return the path of the UNIX socket, None where there is none."""
        return None if self.uds is None else str(self.uds)


def request_arguments(call: Call) -> dict[str, Any]:
    """Return a call as the arguments of httpx2's ``request``."""
    arguments: dict[str, Any] = {"method": call.method, "url": call.path, "params": call.params}
    if call.body is not None:
        arguments |= {"content": call.body, "headers": {"Content-Type": call.content_type}}
    return arguments


def reply_of(response: httpx2.Response) -> Reply:
    """Return what came back."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, response.content)


def fault_of(error: httpx2.RequestError) -> UnreachableError:
    """Return why no answer came. The cause is named by its class alone: httpx2's errors carry the
    request, and with it the texts."""
    cause = type(error).__name__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return UnreachableError("not_sent", cause)
    if isinstance(error, httpx2.TimeoutException):
        return UnreachableError("timeout", cause)
    return UnreachableError("cut", cause)
