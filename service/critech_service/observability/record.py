"""What is noted of one request while it is worked on: times, counts and names of ours."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns

from critech.observing import Stage, observer
from critech.scorer import Scored
from critech.screening.results import FilingResult
from critech_service.observability.metrics import Metrics
from critech_service.observability.reasons import REASONS, Reason

MAX_STAGES = 64  # of a stream without end the first ones are traced, and all are counted
NS = 1_000_000_000


@dataclass(frozen=True)
class StageTime:
    """A finished stage; times are those of ``perf_counter_ns``."""

    name: str
    started: int
    ended: int
    n_items: int


class RequestRecord:
    """The observer of one request. The core reports from several threads."""

    def __init__(self, metrics: Metrics) -> None:
        self.started = perf_counter_ns()
        self.responded: int | None = None
        self.status: int | None = None
        self.refusal: Reason | None = None
        self.bytes_in = self.bytes_out = 0
        self.texts = self.filings = self.tokens = 0
        self.stages: list[StageTime] = []
        self._last_ended: int | None = None
        self._metrics = metrics
        self._lock = threading.Lock()

    @property
    def documents(self) -> int:
        """Number of filings, or of documents where none were screened."""
        return self.filings or self.texts

    def stage(self, name: Stage, started: int, ended: int, n_items: int) -> None:
        """Take note of a finished stage. The first one ends ``receive``: keys, limits, the body
        and its validation."""
        with self._lock:
            if self._last_ended is None and self.responded is None:
                self._add("receive", self.started, started, 1)
            self._last_ended = ended
            self._add(name, started, ended, n_items)

    def scored(self, found: Sequence[Scored], label_ids: Sequence[str]) -> None:
        """Count texts and tokens."""
        with self._lock:
            self.texts += len(found)
            self.tokens += sum(one.tokens_seen for one in found)
        self._metrics.scored(found, label_ids)

    def screened(self, found: Sequence[FilingResult]) -> None:
        """Count filings."""
        with self._lock:
            self.filings += len(found)
        self._metrics.screened(found)

    def answered(self, status: int) -> None:
        """Take note that the answer begins. What lies between it and the last stage is ``respond``:
        labels ranked, results written as JSON."""
        with self._lock:
            self.status = status
            self.responded = perf_counter_ns()
            if self._last_ended is not None:
                self._add("respond", self._last_ended, self.responded, 1)
        if (reason := self.refusal or REASONS.get(status)) is not None and status >= 400:
            self.refusal = reason
            self._metrics.refusals.labels(reason).inc()

    def _add(self, name: str, started: int, ended: int, n_items: int) -> None:
        self._metrics.stage_seconds.labels(name).observe(max(0, ended - started) / NS)
        if len(self.stages) < MAX_STAGES:
            self.stages.append(StageTime(name, started, ended, n_items))


def refused_for(reason: Reason) -> None:
    """Say why the current request is being refused, where its status alone does not tell."""
    if isinstance(record := observer(), RequestRecord):
        record.refusal = reason
