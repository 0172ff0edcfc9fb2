"""Token buckets: how often something may happen."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

Clock = Callable[[], float]


class TokenBucket:
    """Holds a minute's tokens when full and fills at an even pace, so that whoever was idle for a
    minute may spend all at once."""

    def __init__(self, per_minute: int, clock: Clock = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._clock = clock
        self._tokens = self._capacity
        self._then = clock()

    def wait(self) -> float:
        """Return the seconds until a token is there; 0 means now."""
        now = self._clock()
        passed = max(0.0, now - self._then)
        self._tokens = min(self._capacity, self._tokens + passed * self._capacity / 60)
        self._then = now
        return max(0.0, (1 - self._tokens) * 60 / self._capacity)

    def take(self) -> float:
        """Take a token if there is one; return the seconds to wait, 0 if it was taken."""
        wait = self.wait()
        if wait == 0:
            self._tokens -= 1
        return wait


class Buckets:
    """One bucket per name, the longest unused dropped beyond ``size``."""

    def __init__(self, per_minute: int, size: int, clock: Clock = time.monotonic) -> None:
        self._per_minute = per_minute
        self._size = size
        self._clock = clock
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, name: str) -> TokenBucket:
        """Return the bucket of a name, full if it is new."""
        if name not in self._buckets:
            self._buckets[name] = TokenBucket(self._per_minute, self._clock)
            if len(self._buckets) > self._size:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        return self._buckets[name]
