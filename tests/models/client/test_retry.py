import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critech.client.retry import Retry, retry_after_seconds

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


@given(st.integers(1, 40), st.floats(0, 1), st.none() | st.floats(0, 60))
def test_a_wait_is_bounded_and_never_earlier_than_told(
    n_sent: int, chance: float, after: float | None
) -> None:
    wait = Retry(attempts=41, backoff=0.5, longest=60).wait(n_sent, after, chance)
    assert wait is not None
    assert (after or 0) <= wait <= 120
    if after is None:
        assert min(60, 0.5 * 2 ** (n_sent - 1)) / 2 <= wait <= 60


def test_clients_told_the_same_do_not_come_back_at_once() -> None:
    retry = Retry()
    assert len({retry.wait(1, 5.0, chance / 10) for chance in range(10)}) == 10


def test_a_wait_after_thousands_of_requests_is_the_longest() -> None:
    assert Retry(attempts=5_000).wait(4_999, None, 0.0) == 60
    assert Retry(attempts=5_000, backoff=0).wait(4_999, None, 0.0) == 0


def test_it_ends() -> None:
    assert Retry(attempts=3).wait(2, None, 0.5) is not None
    assert Retry(attempts=3).wait(3, None, 0.5) is None
    assert Retry(longest=60).wait(1, 61, 0.5) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("-3", 0),
        ("Sat, 31 Jan 2026 12:00:30 GMT", 30),
        ("Sat, 31 Jan 2026 12:00:30 -0000", 30),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


def test_a_policy_that_sends_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="attempts"):
        Retry(attempts=0)
