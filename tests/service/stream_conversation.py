"""A client of the stream that a test leads chunk by chunk, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

PATH = "/v1/classify/stream"


class Conversation:
    """A client that hands in chunks one by one and takes the answer; counts both."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.n_read = self.n_answers = self.most_ahead = 0
        self.keep = True
        self.take: asyncio.Event | None = None
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        chunk = next(self.chunks, None)
        if chunk is not None:
            self.n_read += chunk.count(b"\n")
            self.most_ahead = max(self.most_ahead, self.n_read - self.n_answers)
            return {"type": "http.request", "body": chunk, "more_body": True}
        if self.n_read >= 0:
            self.n_read = -1
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if self.take is not None and message.get("body"):
            await self.take.wait()
        self.status = message.get("status", self.status)
        for name, value in message.get("headers", ()):
            self.headers[name.decode().lower()] = value.decode()
        self.n_answers += message.get("body", b"").count(b"\n")
        if self.keep:
            self.body += message.get("body", b"")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]


class Silent(Conversation):
    """A client that sends nothing and stays, until ``gone`` is set."""

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def converse(app: Any, conversation: Conversation, token: str = "") -> None:
    """Have a conversation with an application, by a key if one is given."""
    headers = [(b"content-type", b"application/x-ndjson")]
    headers += [(b"x-api-key", token.encode())] if token else []
    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "scheme": "http",
        "query_string": b"", "headers": headers,
        "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("x", 80), "root_path": "",
    }  # fmt: skip
    await app(scope, conversation.receive, conversation.send)
