"""The page as files over HTTP: what is served, under which headers, and when it is not."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.app import create_app
from critech_service.routes.page import FOLDER, PAGE_POLICY, preferred, static_files
from critech_service.settings import Settings

MAX_BYTES = 100_000  # half of what was set, packed


def test_the_page_is_served_in_the_language_of_the_browser(client: TestClient) -> None:
    for header, language in (("ja,en;q=0.5", "ja"), ("en-GB", "en"), ("", "en")):
        answer = client.get("/", headers={"Accept-Language": header})
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert f'<html lang="{language}">' in answer.text
        assert answer.headers["vary"] == "Accept-Language, Accept-Encoding"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ja", "ja"),
        ("JA-jp", "ja"),
        ("en;q=0.3, ja;q=0.4", "ja"),
        ("fr, en;q=0.2, ja;q=0.1", "en"),
        ("fr", "en"),
        ("en,ja", "en"),
        ("ja;q=0", "en"),
        ("ja;q=x,,;;", "en"),
    ],
)
def test_the_language_is_the_one_the_browser_puts_higher(header: str, language: str) -> None:
    assert preferred(header) == language


def test_no_script_or_style_stands_in_the_page(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert "unsafe" not in PAGE_POLICY
    assert "http" not in PAGE_POLICY
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", answer.text)
    linked = re.findall(r'(?:href|src)="([^"]+)"', answer.text)
    assert linked
    for path in linked:
        assert client.get(path).status_code == 200, path


def test_a_browser_that_has_a_file_is_told_so(client: TestClient) -> None:
    for path in ("/", "/page/main.js", "/page/messages/ja.json"):
        first = client.get(path)
        assert first.headers["cache-control"] == "no-cache"
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
        assert client.head(path).headers["etag"] == first.headers["etag"]
    assert client.get("/page/config.json").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["nothing.js", "../app.py", "%2e%2e/app.py", "", "messages"])
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404


def test_the_whole_page_is_small(client: TestClient) -> None:
    sent = 0
    for name, file in static_files().items():
        plain, packed = (
            client.get(f"/page/{name}", headers={"Accept-Encoding": one}) for one in ("", "gzip")
        )
        assert plain.content == packed.content == file.content
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.headers["vary"] == "Accept-Encoding"
        sent += int(packed.headers["content-length"])
    assert sent < MAX_BYTES


def test_nothing_in_the_page_makes_markup_from_text_or_leaves_the_machine() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
        r"|createContextualFragment|srcdoc|javascript:|setTimeout\(\s*[\"'`]|console\."
    )
    own = [path for path in FOLDER.rglob("*.*") if "vendor" not in path.parts]
    for path in own:
        text = path.read_text(encoding="utf-8")
        assert not forbidden.search(text), path.name
        elsewhere = re.findall(r"(?:https?:)?//[\w-]+\.[\w.-]+", text)
        assert set(elsewhere) <= {"http://www.w3.org"}, path.name


def test_the_page_can_be_switched_off(classifier: Classifier) -> None:
    with TestClient(create_app(Settings(page=False), classifier)) as closed:
        for path in ("/", "/page/main.js", "/page/config.json"):
            assert closed.get(path).status_code == 404
