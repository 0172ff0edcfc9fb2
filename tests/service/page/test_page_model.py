"""The model page: what the bundle says of itself, in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from desk_browser import Desk

Opener = Callable[..., Desk]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_says_what_the_bundle_says(desk: Opener, language: str) -> None:
    opened = desk(language)
    page = opened.go("model")
    model = page.request.get(f"{opened.address}/v1/model").json()
    whole = page.inner_text("main")
    certificate = model["certificate"]
    assert f"{100 * certificate['lower_bound']:.1f} %" in whole
    assert certificate["population"] in whole
    assert model["digest"] in whole
    table = page.inner_text("[data-metrics='jp-secret-patent-25']")
    figure = model["metrics"]["taxonomies"]["jp-secret-patent-25"]["metrics"]["micro_f1"]
    for name in ("value", "low", "high"):
        assert f"{figure[name]:.3f}" in table
    page.select_option("#metrics-of", "ja")
    other = model["metrics"]["languages"]["ja"]["jp-secret-patent-25"]["metrics"]["micro_f1"]
    assert f"{other['value']:.3f}" in page.inner_text("[data-metrics='jp-secret-patent-25']")
    labels = "[aria-labelledby=model-labels] tbody tr"
    assert page.locator(labels).count() == 25
    (entry,) = [
        one
        for one in model["screening"]["certificate"]["entries"]
        if (one["label"], one["language"]) == ("jp-secret-patent-25:10", "en")
    ]
    assert f"{entry['lower_bound']:.2f}" in page.inner_text(f"{labels} >> nth=9")
    page.select_option("#labels-of", "us-ecra-14")
    assert page.locator(labels).count() == 60
    page.click("details summary")
    assert "## Known limits" in page.inner_text("pre")
    assert opened.accessible() == []
    opened.shot(f"model-{language}")


def test_the_reliability_diagram_is_drawn_where_the_bundle_has_its_bins(desk: Opener) -> None:
    opened = desk()
    bins = [
        {"n_pairs": 90, "mean_score": 0.05, "frequency": 0.04},
        {"n_pairs": 9, "mean_score": 0.95, "frequency": 0.9},
    ]

    def with_bins(route: object) -> None:
        body = route.fetch().json()  # type: ignore[attr-defined]
        body["metrics"]["reliability"] = {"jp-critical-20": bins, "us-ecra-14 (sub-items)": []}
        route.fulfill(body=json.dumps(body), content_type="application/json")  # type: ignore[attr-defined]

    opened.page.route("**/v1/model", with_bins)
    page = opened.go("model")
    assert page.locator(".reliability").count() == 2
    assert page.locator(".reliability circle").count() == 2
    assert "0.95" in (page.get_attribute(".reliability >> nth=0", "aria-label") or "")
    assert opened.accessible() == []


def test_the_default_bundle_has_a_diagram_for_each_list(desk: Opener) -> None:
    opened = desk("ja")
    page = opened.go("model")
    page.wait_for_selector(".reliability")
    diagrams = page.locator(".reliability")
    assert diagrams.count() == 5
    assert all(diagrams.nth(n).locator("circle").count() >= 5 for n in range(5))
    opened.shot("reliability")
