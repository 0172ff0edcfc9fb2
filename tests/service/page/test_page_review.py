"""Accepting and overruling in the page; keys; printing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_browser import Desk
from live_server import serving_app
from pydantic import SecretStr

from critech import Classifier
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.settings import Settings

Opener = Callable[..., Desk]
RECORD, TOKEN = new_key("desk", (Scope.SCREEN, Scope.REVIEW, Scope.CLASSIFY))
INTAKE, INTAKE_TOKEN = new_key("intake", (Scope.SCREEN,))
NARROW, NARROW_TOKEN = new_key("narrow", (Scope.CLASSIFY,))
REFUSED = "Failed to load resource: the server responded with a status of"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("office")


@pytest.fixture(scope="module")
def office(classifier: Classifier, folder: Path) -> Iterator[str]:
    """A service with keys, an audit log and a corrections file."""
    update_keys(folder / "keys.json", lambda _: KeyFile(keys=(RECORD, INTAKE, NARROW)))
    settings = Settings(
        keys_file=folder / "keys.json",
        audit_log=folder / "audit.jsonl",
        audit_hmac_key=SecretStr("k" * 32),
        corrections_file=folder / "corrections.jsonl",
    )
    with serving_app(create_app(settings, classifier)) as address:
        yield address


def let_in(opened: Desk, token: str = TOKEN, keep: bool = False) -> None:
    opened.page.goto(opened.address)
    opened.page.fill("#key", token)
    if keep:
        opened.page.check("#keep")
    opened.page.click("button[type=submit]")
    opened.page.wait_for_selector("#abstract")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_verdict_is_overruled_and_then_accepted(
    desk: Opener, office: str, folder: Path, language: str
) -> None:
    opened = desk(language, office)
    opened.page.goto(office)
    opened.page.wait_for_selector("#key")
    assert opened.accessible() == []
    let_in(opened)
    page = opened.page
    page.click("#example")
    page.click("button.primary")
    page.wait_for_selector("#accept")
    assert page.locator(".alternatives table").count() == 0  # each would be a record: on demand
    page.click("#ask")
    page.wait_for_selector(".alternatives table")
    page.fill("#reviewer", "no spaces allowed")
    page.click("#overrule")
    assert page.locator(".done").count() == 0
    page.fill("#reviewer", "examiner.1")
    page.select_option("#review-verdict", "no_indication")
    page.select_option("#review-reason", "prior_art")
    page.select_option("#judge-10", "wrong")
    page.click("#overrule")
    page.wait_for_selector(".done")
    assert f"examiner.1@{RECORD.id}" in page.inner_text(".done")
    assert opened.accessible() == []
    opened.shot(f"review-{language}")
    page.select_option("#judge-10", "none")
    number = page.inner_text(".done")
    page.click("#accept")
    page.wait_for_function(
        "(before) => document.querySelector('.done').innerText !== before", arg=number
    )
    *_, overruled, accepted = (
        json.loads(line) for line in (folder / "audit.jsonl").read_bytes().splitlines()
    )
    assert (overruled["verdict_after"], overruled["reason_code"]) == ("no_indication", "prior_art")
    assert (accepted["verdict_after"], accepted["reason_code"]) == ("review", "accepted")
    *_, correction = (folder / "corrections.jsonl").read_text().splitlines()
    assert json.loads(correction)["hmac"] == overruled["filing"]["hmac"]


def test_a_key_that_may_not_review_is_told_so(desk: Opener, office: str) -> None:
    opened = desk("en", office, allowed=(REFUSED,))  # nor may it classify
    let_in(opened, INTAKE_TOKEN)
    page = opened.page
    page.click("#example")
    page.click("button.primary")
    page.wait_for_selector(".reviewing")
    assert "This key may not review" in page.inner_text(".reviewing")
    assert page.locator("#accept").count() == 0


def test_a_key_lives_in_memory_unless_ticked(desk: Opener, office: str) -> None:
    opened = desk("en", office)
    let_in(opened)
    page = opened.page
    kept = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert "ck_" not in page.evaluate(kept)
    page.reload()
    page.wait_for_selector("#key")
    let_in(opened, keep=True)
    page.reload()
    page.wait_for_selector("#abstract")
    page.click("#forget")
    page.wait_for_selector("#key")
    assert "ck_" not in page.evaluate(kept)
    assert not any("ck_" in url for url in opened.requests)


def test_a_wrong_key_is_told_in_words_and_not_kept(desk: Opener, office: str) -> None:
    opened = desk("ja", office, allowed=(REFUSED,))
    page = opened.page
    page.goto(office)
    page.fill("#key", f"ck_{'0' * 12}_{'u' * 43}")
    page.click("button[type=submit]")
    assert "受け付けられません" in page.inner_text(".problem")
    let_in(opened)


def test_a_key_without_the_scope_is_told_so(desk: Opener, office: str) -> None:
    opened = desk("en", office, allowed=(REFUSED,))
    let_in(opened, NARROW_TOKEN)
    page = opened.page
    page.click("#example")
    page.click("button.primary")
    page.wait_for_selector(".problem")
    assert "does not allow" in page.inner_text(".problem")
    page.click(".problem button")
    page.wait_for_selector("#key")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_one_filing_prints_on_one_page(desk: Opener, language: str) -> None:
    opened = desk(language, color_scheme="dark")
    page = opened.screen_example()
    page.wait_for_selector(".alternatives table")
    page.emulate_media(media="print")
    for shown in ("#verdict", ".reasons", ".fields table", ".spans", ".timeline", ".provenance"):
        assert page.locator(shown).first.is_visible(), shown
    for hidden in ("nav", "form", ".reviewing", "#print", ".texts"):
        assert not page.locator(hidden).first.is_visible(), hidden
    opened.shot(f"print-{language}")
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
