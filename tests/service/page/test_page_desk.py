"""The frame of the desk: language, theme, keyboard, files dropped on it, and what it sends."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from desk_browser import Desk

Opener = Callable[..., Desk]


def test_one_click_turns_the_language_and_keeps_what_was_typed_and_found(desk: Opener) -> None:
    opened = desk("en")
    page = opened.screen_example()
    title = page.input_value("#title")
    before = page.inner_text("#verdict")
    page.click("#language")
    page.wait_for_selector("html[lang=ja]")
    assert page.input_value("#title") == title
    assert page.inner_text("#verdict") != before
    assert "政令" in page.inner_text(".reasons")
    page.reload()  # only the choice is kept
    page.wait_for_selector("html[lang=ja] main h1")
    assert page.input_value("#title") == ""
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert json.loads(kept) == [{"critech.language": "ja"}, {}]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_that_of_the_system_until_it_is_switched(desk: Opener, scheme: str) -> None:
    page = desk(color_scheme=scheme).go("explore")
    shade = "() => getComputedStyle(document.body).backgroundColor"
    first = page.evaluate(shade)
    assert (first == "rgb(16, 20, 27)") == (scheme == "dark")
    page.click("#theme")
    assert page.evaluate(shade) != first
    page.reload()
    page.wait_for_selector("main h1")
    assert page.evaluate(shade) != first


def test_a_filing_is_screened_by_keyboard_alone(desk: Opener) -> None:
    page = desk("en").go("screen")
    press = page.keyboard.press
    press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(20):
        press("Tab")
        if page.evaluate("document.activeElement.id") == "example":
            break
    press("Enter")
    page.wait_for_function("document.getElementById('title').value !== ''")
    page.focus("#id")
    press("Tab")  # one stop for each question, arrows choose
    press("ArrowRight")
    assert page.is_checked("input[name=invented_in_japan][value=no]")
    page.focus("#title")
    press("Enter")
    page.wait_for_selector("#verdict")
    page.wait_for_function("document.activeElement.id === 'verdict'")
    assert page.inner_text("[role=status].visually-hidden") in ("Review", "Refer", "No indication")


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.txt", "Torpedo door\nA door of a torpedo tube.\n", "Torpedo door"),
        ("b.json", json.dumps({"title": "T", "abstract": "A.", "ipc": ["F42B 19/00"]}), "T"),
        (
            "c.json",
            json.dumps(
                {
                    "filings": [
                        {"title": "U", "abstract": "A.", "conditions": {"defence_use": "yes"}}
                    ]
                }
            ),
            "U",
        ),
    ],
)
def test_a_file_fills_the_form(desk: Opener, name: str, content: str, title: str) -> None:
    page = desk().go("screen")
    file = {"name": name, "mimeType": "text/plain", "buffer": content.encode()}
    page.set_input_files("#file", file)
    page.wait_for_function("(title) => document.getElementById('title').value === title", arg=title)
    assert page.input_value("#abstract").startswith("A")
    assert page.input_value("#ipc") == ("F42B 19/00" if name == "b.json" else "")
    assert page.is_checked("input[name=defence_use][value=yes]") == (name == "c.json")


def test_a_refusal_names_the_field_and_the_form_stays(desk: Opener) -> None:
    opened = desk("ja", allowed=("Failed to load resource",))
    page = opened.go("screen")
    page.fill("#title", "?")
    page.fill("#abstract", "魚雷発射管の扉を油圧で開く。")
    page.click("button.primary")
    page.wait_for_selector(".problem")
    assert "filings[0].title" in page.inner_text(".problem")
    assert page.input_value("#title") == "?"
    assert opened.accessible() == []


def test_without_symbols_the_order_says_what_a_symbol_would_change(desk: Opener) -> None:
    page = desk().screen_example(ipc="", filing_date="")
    page.wait_for_selector(".alternatives table")
    rows = page.locator(".alternatives tbody tr").all_inner_texts()
    assert any("F02K7/14" in row for row in rows)
    assert "IPC, filing date" in page.inner_text(".alternatives")
