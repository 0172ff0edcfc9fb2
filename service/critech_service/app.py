"""The application factory."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import Depends, FastAPI

from critech import Classifier, __version__
from critech.results import ModelRef
from critech.selftest import self_test
from critech_service import problems
from critech_service.access.authenticate import Authenticate
from critech_service.access.keyring import KeyRing
from critech_service.access.limits import Limits
from critech_service.access.security import ALTERNATIVES
from critech_service.audit import open_audit
from critech_service.body_limit import BodyLimit
from critech_service.body_time import BodyTime
from critech_service.flow.flow import Flow, default_limit
from critech_service.guard import Guard
from critech_service.head_requests import HeadRequests
from critech_service.host_names import HostNames
from critech_service.leases import Leases
from critech_service.loading import load_classifier, load_shadow
from critech_service.observability.flow_gauges import watch_flow
from critech_service.observability.metrics import Metrics
from critech_service.observability.observe import Observe
from critech_service.observability.readiness import Readiness
from critech_service.observability.tracing import Tracing, open_tracing
from critech_service.reloading import Reloader
from critech_service.routes import (
    admin,
    annif,
    classify,
    classify_stream,
    health,
    kserve,
    metrics,
    model,
    page,
    review,
    screen,
    taxonomies,
)
from critech_service.security_headers import SecurityHeaders
from critech_service.serving import Serving
from critech_service.settings import CONCURRENCY_LIMIT, RATE_LIMIT, STREAM_LIMIT, Settings
from critech_service.shadow import Shadow

log = logging.getLogger("critech")
DESCRIPTION = """Maps a patent abstract or a product description, in English or Japanese, onto
Japan's 20 critical technology fields, the 50 K-Program technologies, the 25 secret-patent fields
and the 14 US ECRA emerging-technology categories.

The absence of a label is not clearance. This is not legal advice."""


def create_app(
    settings: Settings | None = None,
    classifier: Classifier | Serving | None = None,
    shadow: Shadow | None = None,
    load: Callable[[], Classifier] | None = None,
    tracing: Tracing | None = None,
) -> FastAPI:
    """Return the application. The bundles are read, verified and tried at start-up, unless they are
    handed in, which then stay the caller's to close; so does tracing. ``load`` is what a reload
    calls, by default ``load_classifier`` with these settings. The keys are read and the audit log
    is opened at once: KeysError, InputError or AuditError when one is asked for and cannot be used.

    Where the service listens is not known here: ``critech serve`` refuses to open it without keys,
    another server started with this factory does not."""
    settings = settings or Settings()
    ring = KeyRing.from_settings(settings)
    audit = open_audit(settings)
    own_tracing = open_tracing(settings.otel_endpoint) if tracing is None else None
    load = load or partial(load_classifier, settings)
    tried = True
    if classifier is not None and not isinstance(classifier, Serving):
        tried, classifier = False, Serving(classifier, owned=False)
    given = classifier
    given_shadow = shadow
    del classifier, shadow  # so that nothing here keeps a bundle that was exchanged

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        serving = given or Serving(load())
        at_work = given_shadow or load_shadow(settings)
        app.state.serving = serving
        app.state.reloader = Reloader(serving, load)
        app.state.shadow = at_work
        app.state.has_keys = ring is not None
        app.state.audit = audit
        app.state.corrections_file = settings.corrections_file
        streams_per_key = _limit(settings.stream_limit, STREAM_LIMIT, ring)
        flow = open_flow(settings, serving.current.threads, streams_per_key)
        app.state.flow = flow
        app.state.ready = tried or _passes(serving.current)
        yield
        app.state.ready = False
        flow.close()
        if own_tracing is not None:
            own_tracing.close()
        if audit is not None:
            audit.log.close()
        if given_shadow is None and at_work is not None:
            at_work.close()
        if given is None:
            serving.close()

    app = FastAPI(
        title="critech",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.docs else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # FastAPI's own spans hold path and query
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.metrics = Metrics()
    app.state.readiness = Readiness()
    _watch(app)
    problems.install(app)
    _add_middleware(app, settings, ring, tracing or own_tracing)
    responses = problems.LIMIT_RESPONSES if ring is None else problems.ACCESS_RESPONSES
    declared = [] if ring is None else ALTERNATIVES
    answering = (classify, classify_stream, screen, annif)  # kserve says that it cannot itself
    for module in (*answering, review, taxonomies, model, kserve, metrics, admin):
        needed = [*declared, Depends(health.self_tested)] if module in answering else declared
        app.include_router(module.router, responses=responses, dependencies=needed)
    app.include_router(health.router)
    if settings.page:
        app.include_router(page.router)
    return app


def _add_middleware(
    app: FastAPI, settings: Settings, ring: KeyRing | None, tracing: Tracing | None
) -> None:
    # the last added is the outermost
    app.add_middleware(Leases)
    streams = frozenset({classify_stream.PATH})
    app.add_middleware(BodyTime, seconds=settings.receive_seconds, streams=streams)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, streams=streams)
    app.add_middleware(
        Limits,
        per_minute=_limit(settings.rate_limit, RATE_LIMIT, ring),
        at_once=_limit(settings.concurrency_limit, CONCURRENCY_LIMIT, ring),
    )
    if ring is not None:
        app.add_middleware(Authenticate, ring=ring)
    elif settings.uds is None:  # a browser reaches no UNIX socket
        app.add_middleware(HostNames, names=(settings.host, *settings.host_names.split(",")))
    app.add_middleware(Guard)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(HeadRequests)
    app.add_middleware(Observe, metrics=app.state.metrics, tracing=tracing)


def _passes(classifier: Classifier) -> bool:
    """Return whether a classifier passes its self-test; the log says what failed."""
    tested = self_test(classifier)
    for failed in tested.failures:
        log.error("self-test: %s", failed)
    return tested.passed


def _watch(app: FastAPI) -> None:
    """Register what of the application's state readiness and metrics are asked about."""
    state = app.state

    def loaded() -> Serving | None:
        return getattr(state, "serving", None)

    def model() -> ModelRef | None:
        serving = loaded()
        return None if serving is None else serving.current.model

    state.readiness.add("bundle", lambda: loaded() is not None)  # verified before it is loaded
    state.readiness.add("self_test", lambda: getattr(state, "ready", False))
    watch_flow(state, state.metrics, state.readiness)
    state.metrics.watch(model, state.readiness.checks)


def open_flow(settings: Settings, threads: int, streams_per_key: int) -> Flow:
    """Return what requests flow through, by the settings."""
    return Flow(
        threads,
        settings.queue_tokens or default_limit(threads),
        settings.deadline_seconds,
        settings.max_body_bytes,
        streams_per_key=streams_per_key,
    )


def _limit(setting: int | None, with_keys: int, ring: KeyRing | None) -> int:
    """Return a limit as set; by default there is none on a machine's own, keyless service."""
    if setting is not None:
        return setting
    return 0 if ring is None else with_keys
