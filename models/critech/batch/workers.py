"""Who classifies: threads that share one bundle, or processes that hold one each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Protocol

from critech.batch.errors import BatchError
from critech.batch.fast import first_of
from critech.batch.records import Record, Rejected
from critech.batch.rows import First, Row, RowOptions, classify_each
from critech.batch.stopping import SIGNALS
from critech.cascade.certificate import Certificate
from critech.classifier import Classifier

Timed = tuple[Row | Rejected, float]


class Workers(Protocol):
    """Classifies groups of records, ``lanes`` of them at once; ``options`` is what rows hold."""

    lanes: int
    options: RowOptions

    def submit(self, records: Sequence[Record]) -> Future[list[Timed]]:
        """Return, later, what each record gives and the seconds it took, in order."""

    def close(self) -> None:
        """End the workers; what has not begun is dropped."""


class ThreadWorkers:
    """Threads that share a classifier, each working on its own group of records, one by one."""

    def __init__(
        self,
        classifier: Classifier,
        options: RowOptions,
        threads: int,
        first: First | None = None,
    ) -> None:
        self.lanes = threads
        self.options = options
        self._first = first
        self._classifier = classifier.on(map)
        self._pool = ThreadPoolExecutor(threads, "critech-batch")

    def submit(self, records: Sequence[Record]) -> Future[list[Timed]]:
        """Return, later, what each record gives and the seconds it took, in order."""
        return self._pool.submit(timed, self._classifier, records, self.options, self._first)

    def close(self) -> None:
        """End the threads; what has not begun is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class ProcessWorkers:
    """Processes that load the bundle themselves, and take no other than the one with the digest
    that the run was begun with. They end when the process that made them is gone."""

    def __init__(
        self,
        bundle: Path | None,
        digest: str,
        options: RowOptions,
        processes: int,
        certificate: Certificate | None = None,
    ) -> None:
        self.lanes = processes
        self.options = options
        self._source = _Source(bundle, digest, certificate)
        self._pool = ProcessPoolExecutor(
            processes,
            _Spawning(),
            initializer=_begin,
            initargs=(self._source,),
        )

    def submit(self, records: Sequence[Record]) -> Future[list[Timed]]:
        """Return, later, what each record gives and the seconds it took, in order."""
        return self._pool.submit(_in_process, self._source, records, self.options)

    def close(self) -> None:
        """End the processes; what has not begun is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def timed(
    classifier: Classifier,
    records: Sequence[Record],
    options: RowOptions,
    first: First | None = None,
) -> list[Timed]:
    """Return what each record gives and the seconds it took, in order."""
    found = []
    for record in records:
        started = time.perf_counter()
        (outcome,) = classify_each(classifier, [record], options, first)
        found.append((outcome, time.perf_counter() - started))
    return found


@dataclass(frozen=True)
class _Source:
    """Where a process finds the bundle, what it must be, and, in tiers, the certificate."""

    bundle: Path | None
    digest: str
    certificate: Certificate | None


class _Worker(SpawnProcess):
    """A process that the pool can end although it ignores SIGTERM. The pool does so when one of
    its processes is lost, and waits for the others to be gone."""

    def terminate(self) -> None:
        """End the process at once."""
        self.kill()


class _Spawning(SpawnContext):
    Process = _Worker


def _begin(source: _Source) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # sent to all, they are the parent's to decide on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _loaded(source)


def _end_with_parent() -> None:
    """End this process when its parent is gone: killed, it cannot tell its workers to end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@cache
def _loaded(source: _Source) -> Classifier:
    classifier = Classifier.load(source.bundle, threads=1).on(map)
    if classifier.model.digest != source.digest:
        raise BatchError("the bundle was exchanged while the run was at work")
    return classifier


@cache
def _first(source: _Source, options: RowOptions) -> First | None:
    if source.certificate is None:
        return None
    return first_of(_loaded(source), source.certificate, options)


def _in_process(source: _Source, records: Sequence[Record], options: RowOptions) -> list[Timed]:
    return timed(_loaded(source), records, options, _first(source, options))
