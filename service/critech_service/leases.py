"""Middleware: one classifier for the whole of a request.

Prevents an answer that mixes two bundles, and a bundle that is closed under a request, when the
bundle is exchanged meanwhile.
"""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from critech import Classifier
from critech_service.serving import Lease, Serving


class RequestLease:
    """A request's lease, taken when it first asks, so that a slow sender holds no bundle."""

    def __init__(self) -> None:
        self._lease: Lease | None = None

    def classifier(self, serving: Serving) -> Classifier:
        """Return the request's classifier."""
        if self._lease is None:
            self._lease = serving.lease()
        return self._lease.classifier

    def release(self) -> None:
        """End the lease, if one was taken."""
        if self._lease is not None:
            self._lease.release()


class Leases:
    """ASGI middleware, the innermost one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; afterwards end its lease."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        lease = scope.setdefault("state", {})["lease"] = RequestLease()
        try:
            await self.app(scope, receive, send)
        finally:
            lease.release()


def classifier_of(request: Request) -> Classifier:
    """Return the classifier of a request, the same one as long as the request lasts."""
    lease: RequestLease = request.state.lease
    return lease.classifier(request.app.state.serving)
