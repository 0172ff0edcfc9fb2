"""Fixtures of the page's tests: a browser of the system, and pages that must stay clean.

Strategy: a real server over the default bundle where an answer matters, answers written by the test
where their words do. Every page fails its test for a console message, an error, a request to
another origin or, where a test asks for it, an accessibility violation. Playwright runs an event
loop in the main thread, so a browser lives for one module only. Screenshots stay under build/.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from desk_browser import Desk, open_desk
from live_server import serving_app

from critech import Classifier
from critech_service.app import create_app
from critech_service.settings import Settings


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium of the system, headless."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def service(classifier: Classifier) -> Iterator[str]:
    """The address of a service with the settings as they come."""
    with serving_app(create_app(Settings(), classifier)) as address:
        yield address


@pytest.fixture
def desk(browser: object, service: str) -> Iterator[Callable[..., Desk]]:
    """Open the page: ``desk("ja")``, and further options; it is checked when the test ends."""
    opened: list[Desk] = []

    def opener(language: str = "en", address: str = service, **options: object) -> Desk:
        opened.append(open_desk(browser, address, language, **options))
        return opened[-1]

    yield opener
    for one in opened:
        one.close()
