"""When a request is sent again, and after how long."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Retry:
    """How often and how patiently. ``attempts`` counts requests in all, so 1 means never again.

    Without a Retry-After the n-th wait is ``backoff * 2**n`` seconds, at most ``longest``, less up
    to a half at random. With one, it is never shorter than that; a random share of the wait above
    comes on top, so that many clients do not come back at once. A Retry-After beyond ``longest``
    is not waited for: the error comes out at once.
    """

    attempts: int = 5
    backoff: float = 0.5
    longest: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.backoff < 0 or self.longest < 0:
            raise ValueError("attempts is 1 or more; backoff and longest are 0 or more")

    def wait(self, n_sent: int, retry_after: float | None, chance: float) -> float | None:
        """Return the seconds to wait after ``n_sent`` requests, or None to give up. ``chance`` is
        a random number in 0..1."""
        if n_sent >= self.attempts:
            return None
        doublings = min(n_sent - 1, 1_000)  # a float ends at 2 ** 1024
        pause = min(self.longest, self.backoff * 2.0**doublings)
        if retry_after is None:
            return pause * (1 - chance / 2)
        return None if retry_after > self.longest else retry_after + pause * chance


def retry_after_seconds(value: str | None, now: dt.datetime) -> float | None:
    """Return the seconds that a Retry-After header names, as a number or as a date, 0 for one that
    has passed; None without a header, or with one that cannot be read."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        aware = date if date.tzinfo else date.replace(tzinfo=dt.UTC)
        seconds = (aware - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
