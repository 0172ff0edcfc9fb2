"""Middleware: refuse requests for a host name that is not this service's.

Prevents DNS rebinding: a website points its own name at 127.0.0.1, so that to a browser on this
machine it and a service without keys are one origin, and its scripts read answers and post.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from critech_service.problems import problem

PROBES = frozenset({"/healthz", "/readyz"})  # asked by any name, and they tell nothing


class HostNames:
    """ASGI middleware; ``names`` are let through besides loopback names and addresses. A request
    without ``Host`` is, too: no browser makes one."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self.app = app
        self.names = frozenset(name.strip().lower() for name in names) - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] != "http" or scope["path"] in PROBES or self._ours(scope["headers"]):
            await self.app(scope, receive, send)
            return
        detail = "Without keys the service answers to addresses and the names in CRITECH_HOST_NAMES"
        await problem(421, f"{detail}.")(scope, receive, send)

    def _ours(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        hosts = [_name(value.decode("latin-1")) for name, value in headers if name == b"host"]
        return all(host in self.names or _is_local(host) for host in hosts)


def _name(host: str) -> str:
    """Return the value of ``Host`` without port, brackets and a last dot, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().removesuffix(".")


def _is_local(host: str) -> bool:
    """Return whether no website can have this name: those below ``localhost`` are never looked up,
    and an address is none."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
