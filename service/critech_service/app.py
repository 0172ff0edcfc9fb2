"""The application factory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from critech import Classifier, __version__
from critech_service import problems
from critech_service.body_limit import BodyLimit
from critech_service.guard import Guard
from critech_service.routes import annif, classify, health, kserve, model, screen, taxonomies
from critech_service.schemas import EXAMPLE_EN
from critech_service.settings import Settings

DESCRIPTION = """Maps a patent abstract or a product description, in English or Japanese, onto
Japan's 20 critical technology fields, the 50 K-Program technologies, the 25 secret-patent fields
and the 14 US ECRA emerging-technology categories.

The absence of a label is not clearance. This is not legal advice."""


def create_app(settings: Settings | None = None, classifier: Classifier | None = None) -> FastAPI:
    """Return the application. The bundle is read and verified at start-up, unless a classifier is
    handed in, which then stays the caller's to close."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        own = classifier or Classifier.load(settings.bundle, settings.threads)
        app.state.classifier = own
        own.classify([EXAMPLE_EN["text"]])  # the first call of a session is slow
        app.state.ready = True
        yield
        app.state.ready = False
        if classifier is None:
            own.close()

    app = FastAPI(
        title="critech",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Guard)
    for module in (classify, screen, taxonomies, model, health, annif, kserve):
        app.include_router(module.router)
    return app
