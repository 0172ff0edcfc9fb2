"""Stopping on a signal: the first one asks, the second one ends the process at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a run is asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.signal is not None

    def ask(self, number: int, _: FrameType | None = None) -> None:
        """Take note of a signal; further ones have their usual effect again."""
        self.signal = number
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Hand out what the first SIGINT or SIGTERM during the block asks to stop."""
    stop = Stop()
    before = [signal.signal(each, stop.ask) for each in SIGNALS]
    try:
        yield stop
    finally:
        for each, handler in zip(SIGNALS, before, strict=True):
            signal.signal(each, handler)
