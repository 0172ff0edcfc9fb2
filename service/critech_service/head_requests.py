"""Middleware: answer HEAD wherever GET is answered, without the body.

Prevents monitors and proxies that ask by HEAD from being told 405 by a route that is there: RFC
9110 wants GET and HEAD of every server. One rewrite here keeps HEAD out of each route and of
OpenAPI.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """ASGI middleware, the outermost one. Headers stay those of GET, the length of the body too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as GET; drop what the body holds."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            is_body = message["type"] == "http.response.body"
            await send({**message, "body": b""} if is_body else message)

        await self.app({**scope, "method": "GET"}, receive, bodiless)
