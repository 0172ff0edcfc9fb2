"""Threads that serve lanes of work in turn, one piece of each.

Prevents a request of 64 long documents from standing before a small one: its pieces, of one call
of the encoder each, take turns with those of every other request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Piece = tuple["Future[Any]", Callable[[Any], Any], Any]
Lane = deque[Piece]


class DroppedError(Exception):
    """Raised to whoever waits for work that is no longer wanted."""


class Lanes:
    """The threads, and the lanes that have work, in the order of their turns."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="critech-lane")
        self._lock = Lock()
        self._turns: deque[Lane] = deque()

    def close(self) -> None:
        """End the threads once the pieces under way are done; the others are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            for lane in self._turns:
                _cancel(lane)

    def put(self, lane: Lane, pieces: list[Piece]) -> None:
        """Add pieces to a lane. Once the threads are to end, or where none can be started, they are
        cancelled at once."""
        with self._lock:
            if not lane and pieces:
                self._turns.append(lane)
            lane.extend(pieces)
        try:
            for _ in pieces:
                self._pool.submit(self._serve_next)
        except RuntimeError:  # shut down, or out of threads
            _cancel(pieces)
            self._withdraw(lane, pieces)

    def _withdraw(self, lane: Lane, pieces: list[Piece]) -> None:
        """Take pieces back that nobody may come for: the turns after them would all be late."""
        futures = {id(future) for future, _, _ in pieces}
        with self._lock:
            kept = [piece for piece in lane if id(piece[0]) not in futures]
            lane.clear()
            lane.extend(kept)
            if not lane:
                self._turns = deque(other for other in self._turns if other is not lane)

    def _serve_next(self) -> None:
        """Do whatever piece has its turn; there are as many calls as pieces, or more."""
        with self._lock:
            if not self._turns:
                return
            lane = self._turns.popleft()
            future, function, item = lane.popleft()
            if lane:
                self._turns.append(lane)
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(function(item))
        except BaseException as error:
            future.set_exception(error)


def _cancel(pieces: Iterable[Piece]) -> None:
    for future, _, _ in pieces:
        future.cancel()


class Work:
    """The work of one request or line, in a lane of its own or shared. ``drop`` may be called from
    any thread; ``map`` from one, which is none of those that serve the lanes."""

    def __init__(self, lanes: Lanes, lane: Lane | None = None) -> None:
        self._lanes = lanes
        self._lane: Lane = deque() if lane is None else lane
        self._lock = Lock()
        self._dropped = False
        self._futures: list[Future[Any]] = []

    def map(self, function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
        """Return the results in order once all are there. Raise DroppedError after ``drop``, or
        what a piece raised; then none of the others is begun."""
        pieces: list[Piece] = [(Future(), function, item) for item in items]
        with self._lock:
            if self._dropped:
                raise DroppedError
            self._futures = [future for future, _, _ in pieces]
        self._lanes.put(self._lane, pieces)
        try:
            return [future.result() for future, _, _ in pieces]
        except CancelledError:
            raise DroppedError from None
        except BaseException:
            self.drop()
            raise

    def check(self) -> None:
        """Raise DroppedError after ``drop``."""
        with self._lock:
            if self._dropped:
                raise DroppedError

    def drop(self) -> None:
        """Begin no further piece. A piece under way is finished, and its result forgotten."""
        with self._lock:
            self._dropped = True
            for future in self._futures:
                future.cancel()
