"""Items in, outcomes out in the same order, with reading, classifying and writing overlapped.

The caller's thread reads and hands groups of records to the workers until the budget is used up;
while it then writes what is done, the workers have the rest of the budget to work on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from critech.batch.budget import Budget, record_bytes
from critech.batch.dedup import KnownRows, moved
from critech.batch.digests import row_key
from critech.batch.errors import WorkerError
from critech.batch.records import Record, Rejected
from critech.batch.rows import Row
from critech.batch.workers import Timed, Workers

GROUP_RECORDS = 8
GROUP_BYTES = 1_000_000
REJECTED_BYTES = 1_000
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Outcome:
    """An input item and what came of it; ``seconds`` is None when nothing was computed."""

    item: Record | Rejected
    result: Row | Rejected
    seconds: float | None


@dataclass
class _Group:
    """Records that a worker takes together."""

    records: list[Record] = field(default_factory=list)
    size: int = 0
    future: Future[list[Timed]] | None = None


@dataclass(frozen=True)
class _Place:
    """Where an item's outcome is found: at once, or in a group. ``first`` is False for a text
    that another record of the group has, too."""

    item: Record | Rejected
    size: int = 0
    known: Row | Rejected | None = None
    group: _Group | None = None
    index: int = 0
    key: bytes = b""
    first: bool = True


class Pipeline:
    """Classify items with workers, within a budget, every text once. ``stopped`` is asked again
    and again; from when it is true, only what is done or begun comes out."""

    def __init__(
        self, workers: Workers, budget: Budget, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._workers = workers
        self._budget = budget
        self._stopped = stopped
        self._known = KnownRows(budget.repeated)
        self._under_way: dict[bytes, _Place] = {}
        self._places: deque[_Place] = deque()
        self._group = _Group()
        self._size = 0

    def outcomes(self, items: Iterable[Record | Rejected]) -> Iterator[Outcome]:
        """Yield the outcome of every item, in order. Raise WorkerError."""
        for item in items:
            if self._stopped():
                break
            self._take(item)
            while self._size > self._budget.under_way or self._is_ready():
                yield self._next()
                if self._stopped():
                    break
        self._hand_in()
        if self._stopped():
            self._cancel()
        while self._places and not self._is_dropped():
            yield self._next()
            if self._stopped():
                self._cancel()

    def _take(self, item: Record | Rejected) -> None:
        if isinstance(item, Rejected):
            self._places.append(_Place(item, REJECTED_BYTES, known=item))
            self._size += REJECTED_BYTES
            return
        key = row_key(item, self._workers.options.screen)
        size = record_bytes(item)
        self._size += size
        known = self._known.get(key)
        if known is not None:
            self._places.append(_Place(item, size, known=known, first=False))
        elif (same := self._under_way.get(key)) is not None:
            self._places.append(_Place(item, size, group=same.group, index=same.index, first=False))
        else:
            self._add(item, size, key)

    def _add(self, record: Record, size: int, key: bytes) -> None:
        group = self._group
        place = _Place(record, size, group=group, index=len(group.records), key=key)
        self._under_way[key] = place
        self._places.append(place)
        group.records.append(record)
        group.size += size
        if len(group.records) >= GROUP_RECORDS or group.size >= GROUP_BYTES:
            self._hand_in()

    def _hand_in(self) -> None:
        if self._group.records:
            try:
                self._group.future = self._workers.submit(self._group.records)
            except BrokenProcessPool:  # a worker was lost since the last group
                raise WorkerError from None
            self._group = _Group()

    def _is_ready(self) -> bool:
        """Return whether the next outcome is there."""
        if not self._places:
            return False
        group = self._places[0].group
        return group is None or (group.future is not None and group.future.done())

    def _is_dropped(self) -> bool:
        group = self._places[0].group
        return group is not None and group.future is not None and group.future.cancelled()

    def _cancel(self) -> None:
        for place in self._places:
            if place.group is not None and place.group.future is not None:
                place.group.future.cancel()

    def _next(self) -> Outcome:
        place = self._places[0]
        if place.known is not None:
            result, seconds = place.known, None
        else:
            result, seconds = self._computed(place)
        self._places.popleft()
        self._size -= place.size
        if isinstance(place.item, Rejected):
            return Outcome(place.item, result, None)
        if not place.first:
            return Outcome(place.item, moved(result, place.item), None)
        del self._under_way[place.key]
        if not isinstance(result, Rejected):
            self._known.put(place.key, result)
        return Outcome(place.item, result, seconds)

    def _computed(self, place: _Place) -> Timed:
        assert place.group is not None
        if place.group.future is None:
            self._hand_in()
        assert place.group.future is not None
        while True:
            try:
                return place.group.future.result(_POLL_SECONDS)[place.index]
            except NotYet:
                continue
            except BrokenProcessPool:
                raise WorkerError from None
