"""How much work waits, in tokens, and how fast it drains. For one event loop; no lock."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable

from critech_service.flow.refusals import QueueFullError, TooMuchWorkError

Clock = Callable[[], float]

FIRST_RATE = 2_000.0  # tokens per second and thread, until measured
HALF_LIFE = 30.0  # seconds of work after which what was measured counts half
IN_TIME = 0.7  # of the longest wait is what a request may have to expect
MAX_REQUESTS = 512  # each has a thread that waits for its results


class TokenQueue:
    """Requests that were taken on and have not ended: how many (``requests``) and for how many
    tokens (``tokens``)."""

    def __init__(
        self, limit: int, threads: int, longest_wait: float, clock: Clock = time.monotonic
    ) -> None:
        self.limit = limit
        self.tokens = 0
        self.requests = 0
        self._sizes: Counter[int] = Counter()
        self._longest_wait = longest_wait
        self._clock = clock
        self._done = FIRST_RATE * threads  # as though a second had been worked
        self._worked = 1.0
        self._then = clock()

    @property
    def tokens_per_second(self) -> float:
        """Tokens of finished requests per second in which there was work, the last minute or so."""
        return self._done / self._worked

    def _missing(self, tokens: int) -> float:
        """Return for how many tokens there is no room, or no time. Requests take turns, so one has
        to wait for as much of each other one as it is long itself; taken on without a look at that,
        many large ones would end together, after their time, and all be dropped."""
        before = sum(n * min(size, tokens) for size, n in self._sizes.items())
        in_time = IN_TIME * self._longest_wait * self.tokens_per_second
        late = before + tokens - in_time if before else 0.0
        return max(0.0, self.tokens + tokens - self.limit, late)

    def fits(self, tokens: int) -> bool:
        """Return whether there is room, and time. Raise TooMuchWorkError where there never will
        be."""
        if tokens > self.limit:
            raise TooMuchWorkError(tokens, self.limit)
        return not self._missing(tokens) and self.requests < MAX_REQUESTS

    def enter(self, tokens: int) -> None:
        """Take a request on. Raise QueueFullError or TooMuchWorkError where it has no room."""
        if not self.fits(tokens):
            raise QueueFullError(self.seconds_until_room(tokens))
        self._pass_time(0)
        self.tokens += tokens
        self.requests += 1
        self._sizes[tokens] += 1

    def leave(self, tokens: int, finished: bool) -> None:
        """Let a request go, whether it was finished or dropped."""
        self._pass_time(tokens if finished else 0)
        self.tokens -= tokens
        self.requests -= 1
        self._sizes[tokens] -= 1
        if not self._sizes[tokens]:
            del self._sizes[tokens]

    def seconds_until_room(self, tokens: int) -> int:
        """Return in how many whole seconds there may be room, at least 1."""
        wait = math.ceil(self._missing(tokens) / self.tokens_per_second)
        return max(1, min(wait, math.ceil(self._longest_wait)))

    def _pass_time(self, done: int) -> None:
        now = self._clock()
        passed = max(0.0, now - self._then) if self.requests else 0.0
        self._then = now
        fade = 0.5 ** (passed / HALF_LIFE)
        self._done = self._done * fade + done
        self._worked = self._worked * fade + passed
