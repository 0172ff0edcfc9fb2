"""One filing from the form to the verdict, in a browser, over the default bundle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from desk_browser import Desk

Opener = Callable[..., Desk]
WORDS = {
    "en": ("Review", "Field 10:", "Refer", "April 30, 2026", "30 April 2026", "Act art. 66(1)"),
    "ja": ("要確認", "第10分野：", "送付を検討", "2026年4月30日", "2026年4月30日", "法第66条第1項"),
}


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("ja", "light")])
def test_the_example_gets_its_verdict_with_all_that_stands_behind_it(
    desk: Opener, language: str, scheme: str
) -> None:
    opened = desk(language, color_scheme=scheme)
    page = opened.screen_example()
    verdict, field, refer, *dates, article = WORDS[language]
    assert page.get_attribute("html", "lang") == language
    assert verdict in page.inner_text("#verdict")
    assert field in page.inner_text(".reasons")
    assert "F02K7/14" in page.inner_text(".fields td >> nth=0")
    assert page.locator("mark").count() >= 2
    assert page.inner_text(".spans li:first-child blockquote") in page.inner_text(".texts").replace(
        page.inner_text("mark sup >> nth=0"), ""
    )
    assert any(day in page.inner_text(".periods") for day in dates)
    page.wait_for_selector(".alternatives table")
    assert refer in page.inner_text(".alternatives table")
    assert page.locator(".lists h3").count() == 3
    page.click(".fields summary")
    page.wait_for_selector(".fields .definition")
    assert article in page.inner_text(".periods")
    assert article in page.inner_text(".fields details")
    assert opened.accessible() == []
    opened.shot(f"screen-{language}-{scheme}")


@pytest.mark.parametrize(
    ("status", "language", "why"),
    [(503, "en", "missing"), (422, "ja", "判定には影響しません")],
)
def test_a_verdict_stands_where_the_other_lists_are_refused(
    desk: Opener, status: int, language: str, why: str
) -> None:
    opened = desk(language, allowed=("Failed to load resource",))
    problem = {"status": status, "detail": "d", "errors": []}

    def refuse(route: Any) -> None:
        route.fulfill(status=status, json=problem)

    opened.page.route("**/v1/classify", refuse)
    page = opened.screen_example()
    assert WORDS[language][0] in page.inner_text("#verdict")
    assert why in page.inner_text(".lists")
    assert page.locator(".problem, .lists h3").count() == 0


def held_back(opened: Desk) -> list[Any]:
    """Return the list in which the first request for a verdict is kept; later ones pass."""
    held: list[Any] = []

    def answer(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    opened.page.route("**/v1/screen", answer)
    return held


def test_an_earlier_screening_does_not_replace_a_later_one(desk: Opener) -> None:
    opened = desk()
    page = opened.go("screen")
    held = held_back(opened)
    page.click("#example")
    page.fill("#title", "Earlier")
    with page.expect_request("**/v1/screen"):
        page.click("button.primary")
    page.fill("#title", "Later")
    with page.expect_event("requestfailed") as given_up:
        page.click("button.primary")
    assert given_up.value.url.endswith("/v1/screen")
    page.wait_for_selector("#verdict")
    held[0].continue_()
    page.wait_for_selector(".alternatives table")
    assert page.inner_text(".filing-name") == "Later"


def test_a_verdict_arrives_in_the_language_chosen_meanwhile(desk: Opener) -> None:
    opened = desk("en")
    page = opened.go("screen")
    held = held_back(opened)
    page.click("#example")
    with page.expect_request("**/v1/screen"):
        page.click("button.primary")
    page.click("#language")
    page.wait_for_selector("#result[aria-busy=true]:has-text('処理しています')")
    held[0].continue_()
    page.wait_for_selector("#verdict")
    assert WORDS["ja"][0] in page.inner_text("#verdict")
    assert page.locator("#result[aria-busy]").count() == 0
