"""What checking a key costs: once for each key, in one thread, for a bounded number."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading

import pytest

from critech_service.access.records import KeyRecord, Scope, new_key
from critech_service.access.refusals import RefusedError
from critech_service.access.verifier import FAILURES_PER_MINUTE, MAX_WAITING, Verifier

RECORD, TOKEN = new_key("office", (Scope.CLASSIFY,))


class FakeRing:
    """Knows one key; a check waits for ``gate``."""

    def __init__(self, record: KeyRecord, token: str) -> None:
        self.known = {token: record}
        self.remembered: dict[str, KeyRecord] = {}
        self.checked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def recall(self, token: str) -> KeyRecord | None:
        return self.remembered.get(token)

    def verify(self, token: str) -> KeyRecord | None:
        self.gate.wait(10)
        self.checked.append(token)
        return self.known.get(token)

    def remember(self, token: str, record: KeyRecord) -> None:
        self.remembered[token] = record

    def fingerprint(self, token: str) -> bytes:
        return token.encode()


@pytest.fixture
def ring() -> FakeRing:
    return FakeRing(RECORD, TOKEN)


def guess(n: int) -> str:
    return f"ck_{n:012x}_{'g' * 43}"


async def outcome(verifier: Verifier, token: str, address: str = "192.0.2.1") -> int:
    try:
        await verifier.record(token, address)
    except RefusedError as refused:
        assert refused.answer.status_code != 429 or int(refused.answer.headers["retry-after"]) >= 1
        return refused.answer.status_code
    return 200


def test_failures_of_an_address_are_bounded(ring: FakeRing) -> None:
    time = 0.0
    verifier = Verifier(ring, lambda: time)  # type: ignore[arg-type]

    async def go() -> None:
        nonlocal time
        found = [await outcome(verifier, guess(n)) for n in range(FAILURES_PER_MINUTE + 5)]
        assert found == [401] * FAILURES_PER_MINUTE + [429] * 5
        assert len(ring.checked) == FAILURES_PER_MINUTE  # the rest cost nothing
        assert await outcome(verifier, TOKEN) == 429  # not known yet: not checked now
        assert await outcome(verifier, TOKEN, "192.0.2.2") == 200
        assert await outcome(verifier, TOKEN) == 200  # known now
        time += 60 / FAILURES_PER_MINUTE
        assert await outcome(verifier, guess(99)) == 401
        assert await outcome(verifier, guess(99)) == 429

    asyncio.run(go())


def test_a_revoked_key_is_not_logged_without_end(
    ring: FakeRing, caplog: pytest.LogCaptureFixture
) -> None:
    revoked = RECORD.model_copy(update={"revoked": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)})
    ring.remember(TOKEN, revoked)
    verifier = Verifier(ring, lambda: 0.0)  # type: ignore[arg-type]

    async def go() -> None:
        found = [await outcome(verifier, TOKEN) for _ in range(40)]
        assert found == [401] * 30 + [429] * 10

    asyncio.run(go())
    assert len(caplog.records) == 30


def test_one_check_for_all_who_show_the_same_key(ring: FakeRing) -> None:
    verifier = Verifier(ring)  # type: ignore[arg-type]

    async def go() -> None:
        ring.gate.clear()
        waiting = [asyncio.create_task(outcome(verifier, TOKEN)) for _ in range(100)]
        await asyncio.sleep(0.05)
        waiting.pop(0).cancel()  # who began the check goes away; the others still get theirs
        await asyncio.sleep(0)
        ring.gate.set()
        assert await asyncio.gather(*waiting) == [200] * 99

    asyncio.run(go())
    assert ring.checked == [TOKEN]


def test_so_many_checks_wait_and_no_more(ring: FakeRing) -> None:
    verifier = Verifier(ring)  # type: ignore[arg-type]

    async def go() -> None:
        ring.gate.clear()
        waiting = [asyncio.create_task(outcome(verifier, guess(n))) for n in range(MAX_WAITING)]
        await asyncio.sleep(0.05)
        assert await outcome(verifier, TOKEN, "192.0.2.2") == 429
        ring.gate.set()
        assert await asyncio.gather(*waiting) == [401] * MAX_WAITING
        assert await outcome(verifier, TOKEN, "192.0.2.2") == 200

    asyncio.run(go())


def test_a_key_revoked_during_its_check_is_refused(
    ring: FakeRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring, "recall", lambda _: None)
    assert asyncio.run(outcome(Verifier(ring), TOKEN)) == 401  # type: ignore[arg-type]
    assert ring.checked == [TOKEN]
