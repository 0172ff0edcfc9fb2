import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest
from batch_stub import StubClassifier, items

from critech.batch.budget import Budget, record_bytes
from critech.batch.dedup import KnownRows
from critech.batch.errors import WorkerError
from critech.batch.pipeline import GROUP_RECORDS, REJECTED_BYTES, Pipeline
from critech.batch.records import Position, Record, Rejected
from critech.batch.rows import RowOptions
from critech.batch.workers import ThreadWorkers, Timed, timed


class Uneven:
    """Workers of which every other group takes longer, so that they end out of order."""

    lanes = 3
    options = RowOptions()

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(3)
        self.under_way = self.most = 0
        self._lock = threading.Lock()
        self._groups = 0

    def submit(self, records: Sequence[Record]) -> Future[list[Timed]]:
        with self._lock:
            self._groups += 1
            self.under_way += len(records)
            self.most = max(self.most, self.under_way)
        return self._pool.submit(self._work, records, self._groups % 2)

    def _work(self, records: Sequence[Record], slow: int) -> list[Timed]:
        time.sleep(0.02 * slow)
        found = timed(StubClassifier(), records, self.options)  # type: ignore[arg-type]
        with self._lock:
            self.under_way -= len(records)
        return found

    def close(self) -> None:
        self._pool.shutdown()


def unique(n: int) -> Iterator[Record]:
    for i in range(n):
        yield Record(Position("a", i), f"text {i}", id=str(i))


def test_outcomes_come_in_input_order() -> None:
    workers = Uneven()
    given = items(200)
    found = list(Pipeline(workers, Budget.of(64)).outcomes(given))
    workers.close()
    assert [one.item for one in found] == given
    for one in found:
        if isinstance(one.item, Record):
            assert one.result["id"] == one.item.id  # type: ignore[index]


def test_what_is_under_way_keeps_to_the_budget() -> None:
    workers = Uneven()
    one = record_bytes(next(unique(1)))
    budget = Budget(under_way=20 * one, repeated=0, shard=0)
    read = 0

    def counted() -> Iterator[Record]:
        nonlocal read
        for record in unique(300):
            read += 1
            yield record

    for done, _ in enumerate(Pipeline(workers, budget).outcomes(counted())):
        assert read - done <= 20 + GROUP_RECORDS + 1
    workers.close()
    assert workers.most <= 20 + GROUP_RECORDS


def test_rejected_records_count_towards_the_budget() -> None:
    gate = threading.Event()

    class Waiting(StubClassifier):
        def classify(self, *given: object) -> object:  # type: ignore[override]
            assert gate.wait(30)
            return super().classify(*given)  # type: ignore[arg-type]

    def flood() -> Iterator[Record | Rejected]:
        yield from unique(1)
        for i in range(1, 200):
            if i == 100:  # beyond the budget: the first record is waited for before this is read
                assert gate.is_set()
            yield Rejected(Position("a", i), "not_json", "is not JSON")

    workers = ThreadWorkers(Waiting(), RowOptions(), 1)  # type: ignore[arg-type]
    threading.Timer(0.3, gate.set).start()
    budget = Budget(record_bytes(next(unique(1))) + 50 * REJECTED_BYTES, 0, 0)
    assert len(list(Pipeline(workers, budget).outcomes(flood()))) == 200
    workers.close()


def test_reading_and_work_overlap() -> None:
    """While the reader waits for a later record, the workers finish an earlier one."""
    begun = threading.Event()

    class Telling(StubClassifier):
        def classify(self, *given: object) -> object:  # type: ignore[override]
            begun.set()
            return super().classify(*given)  # type: ignore[arg-type]

    def waiting() -> Iterator[Record]:
        yield from unique(GROUP_RECORDS)
        assert begun.wait(30)
        yield Record(Position("a", 99), "the last")

    workers = ThreadWorkers(Telling(), RowOptions(), 1)  # type: ignore[arg-type]
    found = list(Pipeline(workers, Budget.of(64)).outcomes(waiting()))
    workers.close()
    assert len(found) == GROUP_RECORDS + 1


@pytest.mark.parametrize("where", ["submit", "result"])
def test_a_lost_worker_process_is_told(where: str) -> None:
    class Broken:
        lanes = 1
        options = RowOptions()

        def submit(self, _: Sequence[Record]) -> Future[list[Timed]]:
            if where == "submit":
                raise BrokenProcessPool
            future: Future[list[Timed]] = Future()
            future.set_exception(BrokenProcessPool())
            return future

        def close(self) -> None:
            """Nothing to close."""

    with pytest.raises(WorkerError, match="run the same command again"):
        list(Pipeline(Broken(), Budget.of(64)).outcomes(unique(3)))


def test_known_rows_are_bounded_and_let_go_of_those_not_met_for_longest() -> None:
    known = KnownRows(2_000)
    for i in range(100):
        known.put(bytes([i]), {"n": i, "pad": "x" * 100})
        assert known.get(bytes([0])) == {"n": 0, "pad": "x" * 100}
    kept = [i for i in range(100) if known.get(bytes([i]))]
    assert 3 < len(kept) < 10
    assert kept == [0, *range(100 - len(kept) + 1, 100)]
