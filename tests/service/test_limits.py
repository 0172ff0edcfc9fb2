"""So many requests a minute and at once: buckets, the middleware, and both in the application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.access.buckets import Buckets, TokenBucket
from critech_service.access.limits import Limits
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.settings import Settings


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_bucket_gives_a_minutes_tokens_then_one_at_a_time(clock: Clock) -> None:
    bucket = TokenBucket(6, clock)
    assert [bucket.take() for _ in range(6)] == [0.0] * 6
    assert bucket.take() == pytest.approx(10)
    clock.now += 4
    assert bucket.wait() == pytest.approx(6)
    clock.now += 6.1
    assert bucket.take() == 0
    assert bucket.take() > 0
    clock.now += 3600
    assert [bucket.take() for _ in range(6)] == [0.0] * 6  # no more than a minute's
    assert bucket.take() > 0
    clock.now -= 50  # a clock that runs back gives nothing and breaks nothing
    assert bucket.take() == pytest.approx(10)


def test_buckets_are_per_name_and_bounded(clock: Clock) -> None:
    buckets = Buckets(1, 2, clock)
    assert buckets.of("a").take() == 0
    assert buckets.of("a").take() > 0
    assert buckets.of("b").take() == 0
    buckets.of("a")
    buckets.of("c")  # drops b, the longest unused
    assert len(buckets) == 2
    assert buckets.of("a").wait() > 0
    assert buckets.of("b").wait() == 0


Answer = list[dict[str, Any]]


async def call(app: Any, path: str = "/v1/model", key_id: str | None = None) -> Answer:
    sent: Answer = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    if key_id is not None:
        scope["state"] = {"key_id": key_id}
    await app(scope, None, send)
    return sent


def status(answer: Answer) -> int:
    return int(answer[0]["status"])


async def ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_each_key_has_its_own_rate(clock: Clock) -> None:
    app = Limits(ok, per_minute=2, at_once=0, clock=clock)

    async def go() -> None:
        assert [status(await call(app, key_id="a")) for _ in range(3)] == [200, 200, 429]
        assert status(await call(app, key_id="b")) == 200
        assert [status(await call(app)) for _ in range(3)] == [200, 200, 429]  # anonymous
        assert [status(await call(app, path)) for path in ("/healthz", "/readyz")] == [200, 200]
        clock.now += 30
        assert status(await call(app, key_id="a")) == 200

    asyncio.run(go())


def test_requests_at_once_are_counted_until_they_end_however_they_end(clock: Clock) -> None:
    gate = asyncio.Event()
    broken = False

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        if broken:
            raise RuntimeError
        await ok(scope, receive, send)

    app = Limits(slow, per_minute=0, at_once=2, clock=clock)

    async def go() -> None:
        nonlocal broken
        running = [asyncio.create_task(call(app, key_id="a")) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await call(app, key_id="a")
        assert status(refused) == 429
        assert (b"retry-after", b"1") in refused[0]["headers"]
        other = asyncio.create_task(call(app, key_id="b"))
        cancelled = running.pop()
        cancelled.cancel()
        await asyncio.sleep(0)
        third = asyncio.create_task(call(app, key_id="a"))
        await asyncio.sleep(0)
        assert not third.done()
        gate.set()
        for task in (*running, other, third):
            assert status(await task) == 200
        broken = True
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await call(app, key_id="a")

    asyncio.run(go())


def test_a_refusal_for_its_number_at_once_costs_no_token(clock: Clock) -> None:
    gate = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await ok(scope, receive, send)

    app = Limits(slow, per_minute=2, at_once=1, clock=clock)

    async def go() -> None:
        first = asyncio.create_task(call(app))
        await asyncio.sleep(0)
        assert [status(await call(app)) for _ in range(5)] == [429] * 5
        gate.set()
        assert status(await first) == 200
        assert [status(await call(app)) for _ in range(2)] == [200, 429]

    asyncio.run(go())


@pytest.fixture
def limited(classifier: Classifier) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(rate_limit=2), classifier)) as client:
        yield client


def test_429_is_a_problem_with_retry_after(limited: TestClient) -> None:
    answers = [limited.get("/v1/crosswalk") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["cache-control"] == "no-store"
    assert refused.json()["type"] == "urn:critech:problem:too-many-requests"
    assert refused.json()["detail"] == "More than 2 requests a minute."
    assert limited.get("/healthz").status_code == 200


def test_keys_do_not_share_a_limit(classifier: Classifier, tmp_path: Path) -> None:
    made = [new_key(name, (Scope.ADMIN,)) for name in ("a", "b")]
    update_keys(tmp_path / "k", lambda _: KeyFile(keys=tuple(record for record, _ in made)))
    settings = Settings(rate_limit=1, keys_file=tmp_path / "k")
    with TestClient(create_app(settings, classifier)) as client:
        for _, token in made:
            headers = {"X-API-Key": token}
            answers = [client.get("/v1/crosswalk", headers=headers) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [200, 429]


def test_requests_for_what_is_not_there_count_too(limited: TestClient) -> None:
    answers = [limited.get("/v1/nothing") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
