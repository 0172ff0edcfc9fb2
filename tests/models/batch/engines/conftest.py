"""Ray and Spark set signal handlers for their process, which here is the tests'."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """Give the signals back after each module."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
