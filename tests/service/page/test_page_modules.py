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
