"""The application factory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from critech import Classifier, __version__
from critech_service import problems
from critech_service.access.authenticate import Authenticate
from critech_service.access.keyring import KeyRing
from critech_service.access.limits import Limits
from critech_service.access.security import ALTERNATIVES
from critech_service.audit import open_audit
from critech_service.body_limit import BodyLimit
from critech_service.body_time import BodyTime
from critech_service.guard import Guard
from critech_service.head_requests import HeadRequests
from critech_service.routes import annif, classify, health, kserve, model, screen, taxonomies
from critech_service.schemas import EXAMPLE_EN
from critech_service.security_headers import SecurityHeaders
from critech_service.settings import CONCURRENCY_LIMIT, RATE_LIMIT, Settings

DESCRIPTION = """Maps a patent abstract or a product description, in English or Japanese, onto
Japan's 20 critical technology fields, the 50 K-Program technologies, the 25 secret-patent fields
and the 14 US ECRA emerging-technology categories.

The absence of a label is not clearance. This is not legal advice."""


def create_app(settings: Settings | None = None, classifier: Classifier | None = None) -> FastAPI:
    """Return the application. The bundle is read and verified at start-up, unless a classifier is
    handed in, which then stays the caller's to close. The keys are read and the audit log is opened
    at once: KeysError, InputError or AuditError when one is asked for and cannot be used.

    Where the service listens is not known here: ``critech serve`` refuses to open it without keys,
    another server started with this factory does not."""
    settings = settings or Settings()
    ring = KeyRing.from_settings(settings)
    audit = open_audit(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        own = classifier or Classifier.load(settings.bundle, settings.threads)
        app.state.classifier = own
        app.state.audit = audit
        own.classify([EXAMPLE_EN["text"]])  # the first call of a session is slow
        app.state.ready = True
        yield
        app.state.ready = False
        if audit is not None:
            audit.log.close()
        if classifier is None:
            own.close()

    app = FastAPI(
        title="critech",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.docs else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    # the last added is the outermost
    app.add_middleware(BodyTime, seconds=settings.receive_seconds)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(
        Limits,
        per_minute=_limit(settings.rate_limit, RATE_LIMIT, ring),
        at_once=_limit(settings.concurrency_limit, CONCURRENCY_LIMIT, ring),
    )
    if ring is not None:
        app.add_middleware(Authenticate, ring=ring)
    app.add_middleware(Guard)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(HeadRequests)
    responses = problems.LIMIT_RESPONSES if ring is None else problems.ACCESS_RESPONSES
    declared = [] if ring is None else ALTERNATIVES
    for module in (classify, screen, taxonomies, model, annif, kserve):
        app.include_router(module.router, responses=responses, dependencies=declared)
    app.include_router(health.router)
    return app


def _limit(setting: int | None, with_keys: int, ring: KeyRing | None) -> int:
    """Return a limit as set; by default there is none on a machine's own, keyless service."""
    if setting is not None:
        return setting
    return 0 if ring is None else with_keys
