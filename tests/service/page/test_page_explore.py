"""The taxonomies in a browser: trees, search, label pages, the crosswalk as a picture."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from desk_browser import Desk

Opener = Callable[..., Desk]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_trees_lead_to_label_pages_with_their_law(desk: Opener, language: str) -> None:
    opened = desk(language)
    page = opened.go("explore")
    assert page.locator(".tree").count() == 4
    page.click("[data-taxonomy=us-ecra-14] > summary")
    assert page.locator("[data-taxonomy=us-ecra-14] > ul > li > ul a").count() == 46
    page.click("[data-taxonomy=us-ecra-14] > details > summary")
    assert opened.accessible() == []
    opened.shot(f"explore-{language}")
    page.click("[data-taxonomy=jp-secret-patent-25] > summary")
    page.click("[data-taxonomy=jp-secret-patent-25] a >> nth=9")
    page.wait_for_selector(".definition")
    assert page.url.endswith("#/explore/jp-secret-patent-25/10")
    whole = page.inner_text("main")
    for word in ("F02K7/14", "23", "2024-05-01", "Yomiuri", "2025-01-01"):
        assert word in whole
    assert page.locator(".crosswalk path").count() >= 2
    page.click("summary")
    assert opened.accessible() == []
    opened.shot(f"label-{language}")


def test_search_reads_both_languages_whatever_the_page_speaks(desk: Opener) -> None:
    page = desk("ja").go("explore")
    found = page.locator("main li a:visible")
    for words in ("torpedo", "魚雷", "ＴＯＲＰＥＤＯ", "b63g8/28"):
        page.fill("#search", words)
        assert any(
            "jp-secret-patent-25" in (one.get_attribute("href") or "") for one in found.all()
        )
        assert not page.locator(".tree").first.is_visible()
        page.fill("#search", f"{words} nowhere")
        assert found.count() == 0
    page.fill("#search", "")
    assert page.locator(".tree").first.is_visible()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_crosswalk_is_a_picture_of_what_the_service_knows(desk: Opener, language: str) -> None:
    opened = desk(language, color_scheme="dark")
    page = opened.go("explore/crosswalk/jp-critical-20/us-ecra-14")
    page.wait_for_selector(".crosswalk")
    entries = page.request.get(f"{opened.address}/v1/crosswalk").json()["entries"]
    pair = {"jp-critical-20", "us-ecra-14"}
    expected = [
        one for one in entries if {one[end].split(":")[0] for end in ("source", "target")} == pair
    ]
    assert page.locator(".crosswalk path").count() == len(expected) > 10
    page.focus(".crosswalk a >> nth=0")
    assert page.locator(".crosswalk .on").count() >= 1
    opened.shot(f"crosswalk-{language}")
    page.click("summary")
    assert page.locator("tbody tr").count() == len(expected)
    assert opened.accessible() == []
    page.select_option("#to", "jp-secret-patent-25")
    page.wait_for_url("**/jp-critical-20/jp-secret-patent-25")


def test_an_address_that_names_nothing_shows_the_lists(desk: Opener) -> None:
    page = desk().go("explore/none/%E0%A4%A")
    assert page.locator(".tree").count() == 4
