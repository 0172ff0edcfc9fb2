"""Which record a key belongs to, at a bounded cost.

Prevents the slow check from being used to stop the service: it runs in one thread beside the
others, once for requests that show the same key together, for a bounded number of waiting keys and
of failures per address.
"""

from __future__ import annotations

import asyncio
import logging
import time

from anyio import CapacityLimiter, to_thread

from critech_service.access.buckets import Buckets, Clock, TokenBucket
from critech_service.access.keyring import KeyRing
from critech_service.access.records import KeyRecord, now, split_token
from critech_service.access.refusals import RefusedError, too_many, unauthorised

log = logging.getLogger("critech")

MAX_WAITING = 16
FAILURES_PER_MINUTE = 30
MAX_ADDRESSES = 4_096


class Verifier:
    """Finds the record of a key, or raises RefusedError."""

    def __init__(self, ring: KeyRing, clock: Clock = time.monotonic) -> None:
        self.ring = ring
        self._failures = Buckets(FAILURES_PER_MINUTE, MAX_ADDRESSES, clock)
        self._checking: dict[bytes, asyncio.Task[None]] = {}
        self._one_thread = CapacityLimiter(1)

    async def record(self, token: str, address: str) -> KeyRecord:
        """Return the record of a key that works today. Unknown, wrong, expired and revoked keys are
        refused in the same words."""
        if split_token(token) is None:  # the form is public: refusing it at once tells nothing
            raise _refused()
        failures = self._failures.of(address)
        record = self.ring.recall(token)
        if record is None:
            if wait := failures.wait():
                raise _too_many_failures(wait)
            await self._check_once(token)
            record = self.ring.recall(token)  # as the keys stand by now
        state = _state(record)
        if record is not None and state == "active":
            return record
        _count(failures)
        if record is not None:
            log.warning("key %s refused: %s", record.id, state)
        raise _refused()

    def again(self, record: KeyRecord) -> KeyRecord:
        """Return what is now kept of a key that was let in, and still works. It costs next to
        nothing and counts as no failure."""
        found = self.ring.standing(record.id, record.hashed)
        state = _state(found)
        if found is None or state != "active":
            log.warning("key %s refused in the middle of a stream: %s", record.id, state)
            raise _refused()
        return found

    async def _check_once(self, token: str) -> None:
        name = self.ring.fingerprint(token)
        if name not in self._checking:
            if len(self._checking) >= MAX_WAITING:
                raise RefusedError(too_many("Too many keys are being checked.", 1, "keys_checked"))
            task = asyncio.create_task(self._check(token))
            self._checking[name] = task
            task.add_done_callback(lambda _: self._checking.pop(name))
        await asyncio.shield(self._checking[name])  # others may wait for it too

    async def _check(self, token: str) -> None:
        record = await to_thread.run_sync(self.ring.verify, token, limiter=self._one_thread)
        if record is not None:
            self.ring.remember(token, record)


def _state(record: KeyRecord | None) -> str:
    return "unknown" if record is None else record.state(now().date())


def _count(failures: TokenBucket) -> None:
    if wait := failures.take():
        raise _too_many_failures(wait)


def _refused() -> RefusedError:
    detail = "The key is unknown, wrong, expired or revoked."
    return RefusedError(unauthorised(detail, "invalid_token"))


def _too_many_failures(wait: float) -> RefusedError:
    return RefusedError(
        too_many("Too many failed attempts from this address.", wait, "failed_keys")
    )
