"""A browser's page with the screening desk in it, which takes note of all that must not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SHOTS = Path(__file__).parents[3] / "build" / "screenshots"
LOCALES = {"en": "en-GB", "ja": "ja-JP"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TIMEOUT_MS = 60_000


class Desk:
    """One page. ``messages`` are what the console and the errors said."""

    def __init__(self, context: Any, address: str, allowed: tuple[str, ...]) -> None:
        self.context, self.address, self.allowed = context, address, allowed
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("console", lambda one: self.messages.append(one.text))
        self.page.on("pageerror", lambda error: self.messages.append(f"error: {error}"))
        context.on("request", lambda request: self.requests.append(request.url))

    def go(self, path: str = "") -> Any:
        """Open a view and return the page."""
        self.page.goto(f"{self.address}/#/{path}")
        self.page.wait_for_selector("main h1")
        return self.page

    def screen_example(self, **values: str) -> Any:
        """Screen the page's own example, with fields filled otherwise; wait for the verdict."""
        page = self.go("screen")
        page.click("#example")
        for name, value in values.items():
            page.fill(f"#{name}", value)
        page.click("button.primary")
        page.wait_for_selector("#verdict")
        return page

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def accessible(self) -> list[str]:
        """Return what axe finds wrong: rule, and the first element."""
        from axe_playwright_python.sync_playwright import Axe

        options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
        found = Axe().run(self.page, options=options).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]

    def close(self) -> None:
        """Close the page. What it said or asked for elsewhere fails the test."""
        # an answer that a test rewrites may still be under way; what the page shows is known by now
        self.page.unroute_all(behavior="ignoreErrors")
        self.context.close()
        told = [one for one in self.messages if not one.startswith(self.allowed or ("\0",))]
        assert told == []
        # a file that the page makes is a blob of its own
        strange = [
            url for url in self.requests if not url.startswith((f"{self.address}/", "blob:"))
        ]
        assert strange == []


def open_desk(
    browser: Any, address: str, language: str, allowed: tuple[str, ...] = (), **options: Any
) -> Desk:
    """Return the desk in a fresh profile; ``allowed`` are beginnings of console messages that the
    browser itself writes, about an answer that the test wants refused."""
    context = browser.new_context(
        locale=LOCALES[language], viewport={"width": 1280, "height": 900}, **options
    )
    return Desk(context, address, allowed)
