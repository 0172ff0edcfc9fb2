"""What single modules of the page return, in a browser but without a service."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from critech_service.routes.page import FOLDER

Asked = Callable[[str, str, Any], Any]
ADDRESS = "http://page.test/"


@pytest.fixture(scope="module")
def asked(browser: Any) -> Iterator[Asked]:
    """Ask a module: its path, a function of what it exports and a value, and that value."""
    page = browser.new_page()

    def answer(route: Any) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        if name.endswith(".js"):
            route.fulfill(path=FOLDER / name, content_type="text/javascript")
        else:
            route.fulfill(body="", content_type="text/html")

    page.route("**/*", answer)
    page.goto(ADDRESS)

    def ask(path: str, function: str, value: Any) -> Any:
        code = "async ([path, value]) => (" + function + ")(await import(path), value)"
        return page.evaluate(code, [f"/{path}", value])

    yield ask
    page.close()


FORMULAS = [
    "=1+1",
    "x;=cmd|'/C calc'!A0;",
    "x; -1",
    "\t=1",
    "x\t@a",
    "a\n=1;+1",
    "a\r\n+1",
    ';"=1',
    ';"\uff1d1',
]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_of_saved_csv_begins_a_formula_whatever_the_list_separator(
    asked: Asked, separator: str
) -> None:
    lines = [asked("core/csv.js", "({ csvLine }, cell) => csvLine([1, cell])", one)
             for one in FORMULAS]  # fmt: skip
    read = [row for line in lines for row in csv.reader(io.StringIO(line, ""), delimiter=separator)]
    cells = [cell for row in read for cell in row]
    assert len(cells) > len(FORMULAS)
    assert [
        cell for cell in cells if re.match(r'[\s"]*[=+\-@|\uff1d\uff0b\uff0d\uff20]', cell)
    ] == []


def test_saved_csv_holds_other_text_as_it_is(asked: Asked) -> None:
    cells = ["a; b", "a\tb", 'say "b"', "a-b; c=d", "line\nline", "魚雷、扉"]
    line = asked("core/csv.js", "({ csvLine }, cells) => csvLine(cells)", cells)
    assert list(csv.reader(io.StringIO(line, ""))) == [cells]


VISIBLE = """({ h, visible }, text) => {
  const box = h("p", {}, visible(text));
  const codes = [...box.querySelectorAll(".hidden-char")].map((one) => one.dataset.code);
  return [box.textContent, codes];
}"""
HIDDEN = (0x0, 0x1B, 0x7F, 0xAD, 0x34F, 0x61C, 0x180E, 0x200B, 0x202E, 0x2028, 0x2029, 0x2060,
          0x2066, 0x3164, 0xFE0F, 0xFEFF, 0xFFF9, 0xE0001, 0xE0041, 0xE007F, 0xE0100)  # fmt: skip


def test_hidden_characters_show_by_their_code_points(asked: Asked) -> None:
    text = "a".join(["", *map(chr, HIDDEN), "𠮷\t鍵\ne\u0301\u3000\u00a0👍🏽"])
    shown, codes = asked("core/dom.js", VISIBLE, text)
    assert shown == text
    assert codes == [f"U+{one:04X}" for one in HIDDEN]


def test_half_of_a_pair_shows_by_its_code_point(asked: Asked) -> None:
    code = "({ visible }, units) => visible(String.fromCharCode(...units)).map(" \
        "(one) => one.dataset?.code ?? one)"  # fmt: skip
    units = [0x61, 0xD800, 0x62, 0xDC00, 0xD83D, 0xDC4D]
    assert asked("core/dom.js", code, units) == ["a", "U+D800", "b", "U+DC00", "👍"]
