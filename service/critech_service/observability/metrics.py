"""The Prometheus metrics of one application, in a registry of its own.

Label values are route templates, method names and words of this code: there is nothing that a
client could type. Labels are counted by taxonomy and decision and not by code: on a quiet service
the difference between two scrapes is one filing, and its field would be told.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from critech import __version__
from critech.results import ModelRef, WarningCode
from critech.scorer import Scored
from critech.screening.results import FilingResult
from critech.screening.verdict import Verdict
from critech_service.observability.reasons import Reason

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """What is counted. ``registry`` takes further metrics of other parts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=False)
        Info("critech", "The program.", registry=registry).info({"version": __version__})
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "critech_requests",
            "Requests, by route template; status is 2xx to 5xx, or aborted without an answer.",
            ("route", "method", "status"),
            registry=registry,
        )
        self.request_seconds = Histogram(
            "critech_request_seconds",
            "From the request's head to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.running = Gauge(
            "critech_requests_running", "Requests being worked on.", registry=registry
        )
        self.stage_seconds = Histogram(
            "critech_stage_seconds",
            "Time in a stage of a request.",
            ("stage",),
            buckets=SECONDS,
            registry=registry,
        )
        self.refusals = Counter(
            "critech_refusals", "Requests that were refused.", ("reason",), registry=registry
        )
        self.texts = Counter(
            "critech_texts",
            "Texts read: documents, and the sections of filings.",
            ("language",),
            registry=registry,
        )
        self.tokens = Counter("critech_tokens", "Tokens that were read.", registry=registry)
        self.tokens_unread = Counter(
            "critech_tokens_unread", "Tokens beyond the limit of a text.", registry=registry
        )
        self.warnings = Counter(
            "critech_text_warnings", "Texts with a warning.", ("code",), registry=registry
        )
        self.decisions = Counter(
            "critech_decisions",
            "Labels decided possible or assigned, over all texts read.",
            ("taxonomy", "decision"),
            registry=registry,
        )
        self.verdicts = Counter(
            "critech_verdicts", "Filings screened, by verdict.", ("verdict",), registry=registry
        )
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Make the series that alarms ask for. One that begins at 1 has never grown for Prometheus,
        so that its first event would pass unseen."""
        for counter, words in (
            (self.refusals, get_args(Reason)),
            (self.verdicts, get_args(Verdict)),
            (self.warnings, get_args(WarningCode)),
        ):
            for word in words:
                counter.labels(word)

    def scored(self, found: Sequence[Scored], label_ids: Sequence[str]) -> None:
        """Count what texts gave."""
        for one in found:
            self.texts.labels(one.language).inc()
            self.tokens.inc(one.tokens_seen)
            self.tokens_unread.inc(one.tokens_total - one.tokens_seen)
            for warning in one.warnings():
                self.warnings.labels(warning.code).inc()
        decided = Tally(
            (label_id.partition(":")[0], decision)
            for one in found
            for label_id, decision in zip(label_ids, one.decisions, strict=True)
            if decision != "not_assigned"
        )
        for (taxonomy, decision), count in decided.items():
            self.decisions.labels(taxonomy, decision).inc(count)

    def screened(self, found: Sequence[FilingResult]) -> None:
        """Count verdicts."""
        for one in found:
            self.verdicts.labels(one.verdict).inc()

    def gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Register a gauge that is read at each scrape, such as the tokens in a queue."""
        Gauge(name, description, registry=self.registry).set_function(value)

    def watch(
        self, model: Callable[[], ModelRef | None], checks: Callable[[], dict[str, bool]]
    ) -> None:
        """Register the bundle in use and the checks of readiness, asked for at each scrape."""
        self.registry.register(_State(model, checks))

    def exposition(self) -> bytes:
        """Return all metrics in the text format, of media type ``MEDIA_TYPE``."""
        return generate_latest(self.registry)


class _State(Collector):
    def __init__(
        self, model: Callable[[], ModelRef | None], checks: Callable[[], dict[str, bool]]
    ) -> None:
        self._model = model
        self._checks = checks

    def collect(self) -> Iterator[Metric]:
        bundle = GaugeMetricFamily(
            "critech_bundle_info", "The bundle in use.", labels=("name", "version", "digest")
        )
        if (model := self._model()) is not None:
            bundle.add_metric((model.bundle, model.version, model.digest), 1)
        yield bundle
        found = self._checks()
        yield _ready("critech_ready", "Whether /readyz answers 200.", [((), all(found.values()))])
        yield _ready(
            "critech_ready_check",
            "The checks behind it, one by one.",
            [((name,), passed) for name, passed in found.items()],
            ("check",),
        )


def _ready(
    name: str,
    description: str,
    rows: Iterable[tuple[tuple[str, ...], bool]],
    labels: tuple[str, ...] = (),
) -> Metric:
    family = GaugeMetricFamily(name, description, labels=labels)
    for values, passed in rows:
        family.add_metric(values, float(passed))
    return family
