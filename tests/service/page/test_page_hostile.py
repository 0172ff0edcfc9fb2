"""What an applicant may write shows as text, through every field, and runs nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from desk_browser import Desk

Opener = Callable[..., Desk]
RUN = "window.pwned=1"
CORPUS = {
    "script": f"<script>{RUN}</script>",
    "image": f'"><img src=x onerror="{RUN}">',
    "svg": f"</textarea><svg/onload={RUN}><math><mi xlink:href='javascript:{RUN}'>",
    "attribute": f"' onmouseover='{RUN}' style='x:expression({RUN})",
    "link": f'[x](javascript:{RUN}) <a href="javascript:{RUN}">x</a> data:text/html,<b>x',
    "template": f"${{{RUN}}} {{{{constructor.constructor('{RUN}')()}}}} <%= 1 %>",
    "entities": f"&lt;script&gt;{RUN}&lt;/script&gt; &#60;b&#62; <!-- --> ]]>",
    "direction": "abc \u202egnp.exe\u202c \u2066x\u2069 \u200f\u05d0\u05d1 \u200b\ufeff",
    "controls": "a\u0000b\u0007c\u001b[31md\u009fe\u00ad",
    "emoji": "👩\u200d🚀👍🏽🇯🇵 𠮷野家 𝒜 e\u0301 ﷽",
    "prototype": "__proto__ constructor toString hasOwnProperty",
}
GROUPS = {
    "markup": ("script", "image", "svg", "attribute"),
    "code": ("link", "template", "entities", "prototype"),
    "characters": ("direction", "controls", "emoji"),
}
FREE = {  # keys whose values nobody but the service's data decides
    "quote", "excerpt", "definition_phrase", "en", "ja", "rule", "population", "verification",
    "digest", "source", "article", "note", "detail", "message", "reason", "bundle", "base", "card",
    "taxonomy", "order_consolidated_to", "law_as_of", "version", "data", "instrument", "authority",
}  # fmt: skip
LISTS = {"symbols", "malformed", "cpc_only", "citations", "articles", "sources", "any_of"}
STRANGE = """() => [...document.querySelectorAll(
  "script:not([src^='/page/']), img, iframe, object, embed, math, form form, "
  + "[onerror], [onload], [onmouseover], [style], a[href^='javascript'], a[href^='data']")].map(
    (one) => one.outerHTML)"""


def poisoned(value: Any, poison: str, key: str = "") -> Any:
    """Return an answer with every free text replaced."""
    if isinstance(value, dict):
        return {name: poisoned(one, poison, name) for name, one in value.items()}
    if isinstance(value, list):
        if key in LISTS:
            return [poison]
        return [poisoned(one, poison, key) for one in value]
    return poison if isinstance(value, str) and key in FREE else value


def poison_answers(opened: Desk, poison: str) -> None:
    def answer(route: Any) -> None:
        found = route.fetch()
        body = poisoned(found.json(), poison)
        if "/v1/screen" in route.request.url and "results" in body:
            body["results"][0]["ipc"]["malformed"] = [poison]
            body["results"][0]["warnings"] = [{"code": poison, "message": poison}]
        route.fulfill(status=found.status, json=body)

    opened.page.route("**/v1/screen", answer)
    opened.page.route("**/v1/classify", answer)
    opened.page.route("**/v1/model", answer)
    opened.page.route("**/v1/crosswalk", answer)
    opened.page.route("**/v1/taxonomies/**", answer)


def write(page: Any, name: str, text: str) -> None:
    """Type into a field, also what no keyboard can; the browser takes NUL and CR from a line."""
    page.evaluate(
        """([id, json]) => { const one = document.getElementById(id); one.value = JSON.parse(json);
           one.dispatchEvent(new Event("input")); }""",
        [name, json.dumps(text)],
    )


def harmless(page: Any) -> None:
    assert page.evaluate(STRANGE) == []
    assert page.evaluate("typeof window.pwned + Object.prototype.pwned") == "undefinedundefined"


def test_every_hostile_text_is_in_a_group() -> None:
    assert sorted(CORPUS) == sorted(name for names in GROUPS.values() for name in names)


@pytest.mark.parametrize("name", GROUPS)
def test_hostile_text_is_text_in_every_field_and_answer(desk: Opener, name: str) -> None:
    poison = " ".join(CORPUS[one] for one in GROUPS[name])
    opened = desk("ja" if name == "code" else "en")
    poison_answers(opened, poison)
    page = opened.go("screen")
    for field in ("title", "abstract", "claims", "description", "ipc", "id"):
        write(page, field, poison[:200] if field in ("ipc", "id") else f"{poison} torpedo")
    page.fill("#filing_date", "2026-01-31")
    page.click("button.primary")
    page.wait_for_selector("#verdict")
    page.wait_for_selector(".alternatives table, .alternatives .problem")
    for one in page.locator("summary:visible").all():
        one.click()
    shown = page.evaluate("document.getElementById('result').textContent")
    assert shown.count(poison) > 10
    harmless(page)
    for view in ("model", "explore", "explore/jp-secret-patent-25/10", "explore/crosswalk"):
        page.goto(f"{opened.address}/#/{view}")
        page.wait_for_function(
            "(text) => document.querySelector('main').textContent.includes(text)", arg=poison
        )
        harmless(page)


def test_hostile_rows_of_a_file_and_hostile_refusals_are_text(desk: Opener) -> None:
    opened = desk(allowed=("Failed to load resource",))
    page = opened.go("dump")
    poisons = [one for one in CORPUS.values() if "\0" not in one]
    lines = [json.dumps({"id": one, "title": one, "text": f"{one} torpedo"}) for one in poisons]
    content = "\n".join(lines).encode()
    page.set_input_files(
        "#dump-file", {"name": f"{CORPUS['image']}.jsonl", "mimeType": "", "buffer": content}
    )
    page.click("#start")
    page.wait_for_selector("#start:enabled")
    shown = page.evaluate("document.querySelector('main').textContent")
    for poison in poisons:
        assert shown.count(poison) >= 2
    harmless(page)
    opened.shot("hostile-rows")
    detail = {
        "status": 422,
        "detail": CORPUS["image"],
        "errors": [{"field": CORPUS["svg"], "message": CORPUS["script"]}],
    }
    page.route("**/v1/model", lambda route: route.fulfill(status=422, json=detail))
    page.goto(f"{opened.address}/#/model")
    page.wait_for_selector(".problem")
    assert CORPUS["script"] in page.inner_text(".problem")
    harmless(page)


@pytest.mark.parametrize("poison", ["script", "image", "link", "prototype"])
def test_a_hostile_address_opens_a_view_and_nothing_else(desk: Opener, poison: str) -> None:
    page = desk().go("explore")
    for path in (
        f"/{CORPUS[poison]}",
        f"/explore/{CORPUS[poison]}/__proto__",
        "/constructor",
        "/%",
    ):
        page.evaluate("(path) => { location.hash = path; }", path)
        page.wait_for_selector("main h1")
        harmless(page)


def test_offsets_hold_behind_emoji_and_halves_of_pairs(desk: Opener) -> None:
    opened = desk()
    page = opened.go("screen")
    lead = "👩\u200d🚀 𠮷 \ud800 \udc00x\ufeff notes, which say little. "
    page.fill("#title", "Torpedo")
    write(page, "abstract", f"{lead}A torpedo tube door of a submarine opens by a hydraulic ram.")
    page.click("button.primary")
    page.wait_for_selector("#verdict")
    marked = page.evaluate(
        """() => [...document.querySelectorAll("[data-section=abstract] mark")].map(
             (one) => [one.dataset.spans, [...one.childNodes].filter((n) => n.nodeName !== "SUP")
               .map((n) => n.textContent).join("")])"""
    )
    assert marked
    for number, text in marked:
        assert text == page.evaluate(
            "(n) => document.querySelector(`.spans li[value='${n}'] blockquote`).textContent",
            number.split(",")[0],
        )
    shown = page.evaluate("document.querySelector('[data-section=abstract]').textContent")
    assert "𠮷 \ufffd \ufffdx" in shown
    harmless(page)


def shortened(opened: Desk) -> None:
    """Let the service read the beginning only."""

    def ask(route: Any) -> None:
        body = route.request.post_data_json
        for one in body.get("filings", []) + body.get("documents", []):
            for name in {"title", "abstract", "text"} & one.keys():
                one[name] = one[name][:100]
        route.fulfill(response=route.fetch(post_data=json.dumps(body).encode()))

    opened.page.route("**/v1/screen", ask)
    opened.page.route("**/v1/classify", ask)


def test_a_hundred_thousand_characters_show_and_print_on_one_page(desk: Opener) -> None:
    import re

    opened = desk("ja")
    page = opened.go("screen")
    shortened(opened)  # what is read does not matter here, what is shown does
    text = ("魚雷発射管の扉を油圧で開く潜水艦。<b>👍</b>" * 4_400)[:100_000]
    page.fill("#title", "魚" * 2_000)
    write(page, "abstract", text)
    write(page, "ipc", "F41F 3/10;" * 60)
    page.click("button.primary")
    page.wait_for_selector("#ask")  # a long text is not read again unasked
    shown = page.evaluate(
        """() => { const one = document.querySelector("[data-section=abstract]");
           for (const number of one.querySelectorAll("sup")) number.remove();
           return one.textContent; }"""
    )
    assert shown == text
    harmless(page)
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1
