"""A clock that jumps: limits go by a clock that cannot, expiry of keys by the date, and the audit
log keeps its order whatever the time says."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from critech.audit_log import AuditLog
from critech.audit_verify import verify
from critech_service.access import verifier
from critech_service.access.keyring import KeyRing
from critech_service.access.limits import Limits
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.refusals import RefusedError
from critech_service.access.verifier import Verifier
from critech_service.body_time import BodyTime

YEAR = 365 * 86_400


@pytest.mark.parametrize("jump", [-10 * YEAR, 10 * YEAR])
def test_limits_do_not_go_by_the_time_of_day(monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    """A jump neither frees a key from its limit nor locks it out."""
    client = TestClient(Limits(PlainTextResponse("ok"), per_minute=3, at_once=0))
    assert [client.get("/v1/model").status_code for _ in range(4)] == [200, 200, 200, 429]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    again = client.get("/v1/model")
    assert again.status_code == 429
    assert 1 <= int(again.headers["retry-after"]) <= 60


def test_a_body_has_its_time_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    client = TestClient(BodyTime(PlainTextResponse("ok"), seconds=30))
    assert client.post("/", content=b"x" * 1000).status_code == 200


def test_a_key_works_through_its_last_day_and_not_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that was checked before, and one that a jump back brings to life again: the date is
    looked at each time. A wrong clock is therefore the operator's to prevent."""
    last = dt.date(2030, 6, 30)
    record, token = new_key("office", (Scope.CLASSIFY,), last)
    monkeypatch.setattr(
        verifier, "now", lambda: dt.datetime.combine(day, dt.time(23, 59, 59), dt.UTC)
    )
    checker = Verifier(KeyRing(KeyFile(keys=(record,))))

    def works() -> bool:
        try:
            return asyncio.run(checker.record(token, "")).id == record.id
        except RefusedError:
            return False

    found = {}
    for day in (last, last + dt.timedelta(1), last - dt.timedelta(400), last + dt.timedelta(4000)):
        found[day] = works()
    assert list(found.values()) == [True, False, True, False]


def test_the_audit_log_keeps_its_order(tmp_path: Path) -> None:
    """Time may stand still, run back or be centuries off: places in the chain go by number, and
    each record says what the clock said."""
    times = [
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2999, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    ]
    clock = iter(times)
    path = tmp_path / "audit.jsonl"
    entry = {"kind": "recovered", "torn": None, "lost": 0, "head": "whole"}
    with AuditLog(path, "off", clock=lambda: next(clock)) as log:
        for _ in times[1:]:
            log.append([entry])
    assert next(clock, None) is None
    report = verify([path])
    assert list(report.findings) == []
    assert report.records == len(times)
