"""Middleware: headers that tell a browser and a cache to do nothing with an answer but show it.

Prevents answers about unpublished filings from being cached, framed, run as script or read by
another site's page. No CORS header is ever sent, so a browser gives an answer to no other origin.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
ALWAYS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
REVALIDATE = "no-cache"  # keep it, ask before each use
ONE_YEAR = 31_536_000


class SecurityHeaders:
    """ASGI middleware around ``Guard``, so that its answers carry the headers too. A page may bring
    a content policy of its own, and ``no-cache`` for a file that is the same for everybody; the
    other headers are not to be changed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers to the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", POLICY)
                kept = headers.get("Cache-Control") == REVALIDATE
                for name, value in ALWAYS.items():
                    headers[name] = REVALIDATE if kept and name == "Cache-Control" else value
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}"
            await send(message)

        await self.app(scope, receive, watched)
