import pytest

from critech_service.flow.refusals import QueueFullError, TooMuchWorkError
from critech_service.flow.token_queue import FIRST_RATE, MAX_REQUESTS, TokenQueue


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue_of(limit: int, clock: Clock) -> TokenQueue:
    return TokenQueue(limit, 1, 100.0, clock)


def test_it_fills_to_the_limit_and_not_one_token_further(clock: Clock) -> None:
    queue = queue_of(10_000, clock)
    queue.enter(4_000)
    queue.enter(6_000)
    assert (queue.tokens, queue.requests) == (10_000, 2)
    with pytest.raises(QueueFullError) as refused:
        queue.enter(1)
    assert refused.value.headers == {"Retry-After": "1"}
    assert (queue.tokens, queue.requests) == (10_000, 2)
    queue.leave(4_000, finished=True)
    queue.enter(4_000)
    assert queue.tokens == 10_000


def test_what_never_fits_is_told_apart(clock: Clock) -> None:
    queue = queue_of(10_000, clock)
    with pytest.raises(TooMuchWorkError) as refused:
        queue.enter(10_001)
    assert refused.value.status_code == 413
    assert refused.value.headers is None
    queue.enter(10_000)
    with pytest.raises(TooMuchWorkError):  # whatever waits
        queue.enter(10_001)


def test_requests_are_bounded_however_small(clock: Clock) -> None:
    queue = queue_of(10_000, clock)
    for _ in range(MAX_REQUESTS):
        queue.enter(1)
    with pytest.raises(QueueFullError):
        queue.enter(1)


def test_retry_after_is_the_missing_room_at_the_measured_pace(clock: Clock) -> None:
    queue = queue_of(100_000, clock)
    assert queue.tokens_per_second == FIRST_RATE
    queue.enter(100_000)
    assert queue.seconds_until_room(20_000) == 20_000 / FIRST_RATE
    clock.now += 200  # 500 tokens a second, some seven half-lives
    queue.leave(100_000, finished=True)
    assert queue.tokens_per_second == pytest.approx(500, rel=0.01)
    queue.enter(100_000)
    assert queue.seconds_until_room(1_000) == 2
    queue.leave(100_000, finished=False)
    queue.enter(60_000)
    assert queue.seconds_until_room(100_000) == 100  # never more than the deadline
    queue.leave(60_000, finished=False)
    idle = queue.tokens_per_second
    clock.now += 3_600
    queue.enter(1)
    assert queue.tokens_per_second == idle


def test_no_more_is_taken_on_than_there_is_time_for(clock: Clock) -> None:
    queue = queue_of(1_000_000, clock)  # 500 seconds of work, where 100 are the longest wait
    for _ in range(7):
        queue.enter(20_000)
    with pytest.raises(QueueFullError) as refused:  # it would end after 80 seconds
        queue.enter(20_000)
    assert refused.value.headers == {"Retry-After": "10"}
    queue.enter(1_000)  # small ones wait for a turn of each, and no more
    queue.leave(20_000, finished=False)
    queue.enter(18_000)


def test_what_waits_for_nobody_is_taken_on_however_slow_the_machine(clock: Clock) -> None:
    queue = queue_of(1_000_000, clock)
    queue.enter(900_000)


def test_dropped_work_does_not_count_as_drained(clock: Clock) -> None:
    queue = queue_of(100_000, clock)
    queue.enter(50_000)
    clock.now += 10
    queue.leave(50_000, finished=False)
    assert (queue.tokens, queue.requests) == (0, 0)
    assert queue.tokens_per_second < FIRST_RATE
