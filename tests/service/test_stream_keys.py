"""Streams and the keys that opened them: a stream ends with its key, and a key has so many."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_classifier import FakeClassifier
from fastapi import FastAPI
from key_samples import RECORD, TOKEN
from stream_conversation import Conversation, Silent, converse

from critech_service.access.keyring import KeyRing
from critech_service.access.records import KeyFile, KeyRecord, Scope, new_key, now
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.settings import STREAM_LIMIT, Settings

pytestmark = pytest.mark.usefixtures("untested")

INVALID = "The key is unknown, wrong, expired or revoked."
Change = Callable[[Path], None]


class InTurn(Conversation):
    """A client that sends a chunk once all lines before it are answered."""

    async def receive(self) -> dict[str, Any]:
        while self.n_answers < self.n_read:
            await asyncio.sleep(0)
        return await super().receive()


def line(name: str) -> bytes:
    return b'{"id": "%s", "text": "word"}\n' % name.encode()


def kept_as(**fields: Any) -> Change:
    def change(path: Path) -> None:
        update_keys(path, lambda _: KeyFile(keys=(RECORD.model_copy(update=fields),)))

    return change


@pytest.fixture
def app(kept: Path) -> FastAPI:
    return create_app(Settings(keys_file=kept), FakeClassifier())  # type: ignore[arg-type]


def talked(app: FastAPI, chunks: Iterator[bytes]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the lines of a conversation, and the ids of the documents that were read."""

    async def go() -> tuple[list[dict[str, Any]], list[str]]:
        async with app.router.lifespan_context(app), asyncio.timeout(30):
            conversation = InTurn(chunks)
            await converse(app, conversation, TOKEN)
            assert conversation.status == 200
            assert app.state.flow.requests == app.state.flow.streams == 0
            return conversation.lines(), app.state.serving.current.begun

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        (kept_as(revoked=now()), 401, INVALID),
        (kept_as(expires=dt.date(2020, 1, 1)), 401, INVALID),
        (kept_as(hashed=new_key("b", (Scope.CLASSIFY,))[0].hashed), 401, INVALID),
        (lambda path: update_keys(path, lambda _: KeyFile()), 401, INVALID),
        (kept_as(scopes=(Scope.SCREEN,)), 403, "This path needs a key with the scope classify."),
        (
            lambda path: path.chmod(0o644),
            503,
            "The keys cannot be read; the server's log says why.",
        ),
    ],
    ids=["revoked", "expired", "another secret", "taken out", "another scope", "file unusable"],
)
def test_a_stream_ends_at_the_next_line_after_its_key(
    app: FastAPI, kept: Path, change: Change, status: int, detail: str
) -> None:
    def chunks() -> Iterator[bytes]:
        yield line("a")
        change(kept)
        yield line("b")
        yield line("c")

    (first, last), begun = talked(app, chunks())
    assert first["result"]["id"] == "a"
    assert (last["line"], last["status"], last["detail"]) == (0, status, detail)
    assert last["type"].startswith("urn:critech:problem:")
    assert begun == ["a"]


def test_it_ends_within_a_chunk(app: FastAPI, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is looked at, not every chunk: one of 64 kB may hold a thousand."""
    n_checked = 0
    refresh = KeyRing.refresh

    def revoked_at_the_fifth(ring: KeyRing) -> None:
        nonlocal n_checked
        n_checked += 1
        if n_checked == 1 + 5:  # the first is for the request
            kept_as(revoked=now())(kept)
        refresh(ring)

    monkeypatch.setattr(KeyRing, "refresh", revoked_at_the_fifth)
    lines, begun = talked(app, iter([b"".join(line(str(i)) for i in range(50))]))
    assert [one.get("status", 200) for one in lines] == [200, 200, 200, 200, 401]
    assert begun == ["0", "1", "2", "3"]


def test_a_key_that_expires_at_midnight_ends_its_stream(
    app: FastAPI,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept_as(expires=now().date())(kept)

    def chunks() -> Iterator[bytes]:
        yield line("a")
        tomorrow = now() + dt.timedelta(days=1)
        monkeypatch.setattr("critech_service.access.verifier.now", lambda: tomorrow)
        yield line("b")

    lines, begun = talked(app, chunks())
    assert [one.get("status", 200) for one in lines] == [200, 401]
    assert begun == ["a"]
    assert f"key {RECORD.id} refused in the middle of a stream: expired" in caplog.text
    assert TOKEN.split("_", 2)[2] not in caplog.text


def test_a_key_that_stands_goes_on_whatever_else_changes(app: FastAPI, kept: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield line("a")
        update_keys(kept, lambda keys: KeyFile(keys=(*keys.keys, new_key("b", (Scope.ADMIN,))[0])))
        yield line("b")
        kept_as(name="renamed", scopes=(Scope.CLASSIFY, Scope.SCREEN))(kept)
        yield line("c")

    lines, begun = talked(app, chunks())
    assert ["result" in one for one in lines] == [True] * 3
    assert begun == ["a", "b", "c"]


async def opened(app: FastAPI, token: str) -> tuple[Silent, asyncio.Task[None]]:
    """Return a client with a stream, which stays open if it was let in."""
    client = Silent([])
    task = asyncio.create_task(converse(app, client, token))
    while not client.status:
        await asyncio.sleep(0.001)
    return client, task


async def closed(client: Silent, task: asyncio.Task[None]) -> None:
    client.gone.set()
    await task


@pytest.mark.parametrize(("given", "limit"), [({}, STREAM_LIMIT), ({"stream_limit": 1}, 1)])
def test_a_key_has_so_many_streams(path: Path, given: dict[str, int], limit: int) -> None:
    other, other_token = new_key("other", (Scope.CLASSIFY,))
    records: tuple[KeyRecord, ...] = (RECORD, other)
    update_keys(path, lambda _: KeyFile(keys=records))
    app = create_app(Settings(keys_file=path, **given), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> None:
        async with app.router.lifespan_context(app), asyncio.timeout(60):
            held = [await opened(app, TOKEN) for _ in range(limit)]
            assert [client.status for client, _ in held] == [200] * limit
            refused, task = await opened(app, TOKEN)
            await task
            assert refused.status == 503
            (said,) = refused.lines()
            assert said["type"] == "urn:critech:problem:too-many-streams"
            assert said["title"] == "The key has too many streams open"
            assert said["detail"] == (
                f"The key has {limit} streams open, as many as a key may have."
            )
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["connection"] == "close"
            held.append(await opened(app, other_token))
            assert held[-1][0].status == 200
            await closed(*held.pop(0))
            held.append(await opened(app, TOKEN))
            assert held[-1][0].status == 200
            for client, open_stream in held:
                await closed(client, open_stream)
            assert app.state.flow.streams == 0

    asyncio.run(go())


def test_no_limit_where_none_is_set_or_none_has_a_key(kept: Path) -> None:
    async def n_open(app: FastAPI, token: str) -> int:
        async with app.router.lifespan_context(app), asyncio.timeout(60):
            held = [await opened(app, token) for _ in range(STREAM_LIMIT + 1)]
            for client, task in held:
                await closed(client, task)
            return sum(client.status == 200 for client, _ in held)

    keyless = create_app(Settings(), FakeClassifier())  # type: ignore[arg-type]
    any_number = Settings(keys_file=kept, stream_limit=0)
    keyed = create_app(any_number, FakeClassifier())  # type: ignore[arg-type]
    assert asyncio.run(n_open(keyless, "")) == STREAM_LIMIT + 1
    assert asyncio.run(n_open(keyed, TOKEN)) == STREAM_LIMIT + 1
