import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from critech_service.flow.lanes import DroppedError, Lanes, Work


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    """Served by one thread, so that the order is that of the turns."""
    made = Lanes(1)
    yield made
    made.close()


@pytest.fixture
def waiting() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Held:
    """Keeps the thread busy until released, so that lanes can fill."""

    def __init__(self, lanes: Lanes, waiting: ThreadPoolExecutor) -> None:
        self.release = threading.Event()
        begun = threading.Event()

        def hold(_: int) -> None:
            begun.set()
            assert self.release.wait(30)

        self.done = waiting.submit(Work(lanes).map, hold, [0])
        assert begun.wait(30)


def filled(lanes: Lanes, n: int) -> None:
    """Wait until so many pieces are in the lanes."""
    pause = threading.Event()
    while sum(map(len, tuple(lanes._turns))) < n:
        pause.wait(0.001)


def test_results_are_in_order(lanes: Lanes) -> None:
    assert Work(lanes).map(str, range(50)) == [str(i) for i in range(50)]
    assert Work(lanes).map(str, []) == []


def test_requests_take_turns_piece_by_piece(lanes: Lanes, waiting: ThreadPoolExecutor) -> None:
    order: list[str] = []
    held = Held(lanes, waiting)
    large = waiting.submit(Work(lanes).map, order.append, [f"large {i}" for i in range(64)])
    filled(lanes, 64)
    small = waiting.submit(Work(lanes).map, order.append, ["small 0", "small 1"])
    filled(lanes, 66)
    held.release.set()
    small.result(30)
    large.result(30)
    assert order[:4] == ["large 0", "small 0", "large 1", "small 1"]
    assert [one for one in order if one.startswith("large")] == [f"large {i}" for i in range(64)]


def test_work_that_shares_a_lane_shares_its_turns(
    lanes: Lanes, waiting: ThreadPoolExecutor
) -> None:
    order: list[str] = []
    held = Held(lanes, waiting)
    lane: deque[Any] = deque()
    lines = []
    for i in range(4):
        lines.append(waiting.submit(Work(lanes, lane).map, order.append, [f"line {i}"]))
        filled(lanes, i + 1)
    other = waiting.submit(Work(lanes).map, order.append, ["other 0", "other 1"])
    filled(lanes, 6)
    held.release.set()
    for one in (*lines, other):
        one.result(30)
    assert order == ["line 0", "other 0", "line 1", "other 1", "line 2", "line 3"]


def test_dropped_work_is_not_begun_and_that_of_others_is(
    lanes: Lanes, waiting: ThreadPoolExecutor
) -> None:
    order: list[str] = []
    held = Held(lanes, waiting)
    work = Work(lanes)
    unwanted = waiting.submit(work.map, order.append, [f"unwanted {i}" for i in range(9)])
    filled(lanes, 9)
    other = waiting.submit(Work(lanes).map, order.append, ["other"])
    filled(lanes, 10)
    work.drop()
    with pytest.raises(DroppedError):
        unwanted.result(30)
    with pytest.raises(DroppedError):  # nor is what it would go on with
        work.map(order.append, ["later"])
    held.release.set()
    other.result(30)
    assert order == ["other"]


def test_an_error_comes_out_and_drops_the_rest(lanes: Lanes, waiting: ThreadPoolExecutor) -> None:
    held = Held(lanes, waiting)
    failing = waiting.submit(Work(lanes).map, lambda i: 1 // i, [1, 0, 1, 2])
    filled(lanes, 4)
    held.release.set()
    with pytest.raises(ZeroDivisionError):
        failing.result(30)
    assert Work(lanes).map(str, [1]) == ["1"]


def test_closing_lets_nobody_wait_for_ever(waiting: ThreadPoolExecutor) -> None:
    lanes = Lanes(1)
    held = Held(lanes, waiting)
    left = waiting.submit(Work(lanes).map, str, range(5))
    filled(lanes, 5)
    closing = waiting.submit(lanes.close)
    while not lanes._pool._shutdown:
        threading.Event().wait(0.001)
    held.release.set()
    closing.result(30)
    with pytest.raises(DroppedError):
        left.result(30)


def test_work_that_comes_after_the_end_is_dropped() -> None:
    lanes = Lanes(1)
    lanes.close()
    with pytest.raises(DroppedError):
        Work(lanes).map(str, range(3))


def test_pieces_without_a_thread_do_not_delay_those_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lanes = Lanes(1)
    with monkeypatch.context() as none_left:
        none_left.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(DroppedError):
            Work(lanes).map(str, range(3))
    assert not lanes._turns
    assert Work(lanes).map(str, range(3)) == ["0", "1", "2"]
    lanes.close()


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
