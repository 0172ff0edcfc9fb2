"""OWASP API9:2023 Improper Inventory Management.

What is served is what is documented: every route is in the OpenAPI document, with its statuses and
shapes, and in the pages of ``docs/``; there is nothing else, no old version and no test route.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from critech import __version__

ROOT = Path(__file__).parents[3]
UNDOCUMENTED = {"/openapi.json", "/", "/page/config.json", "/page/{name:path}"}  # itself, the page
VERSIONS = re.compile(r"/(v1|annif/v1|v2)(/|$)|/(healthz|readyz|metrics)$")


def routes(app: FastAPI) -> list[BaseRoute]:
    """Return all routes, also those of routers that are kept as one."""
    found: list[BaseRoute] = []
    todo = list(app.routes)
    while todo:
        route = todo.pop()
        router = getattr(route, "original_router", route)
        if not isinstance(route, Route) and hasattr(router, "routes"):
            todo += router.routes
        else:
            found.append(route)
    return found


def test_every_route_is_in_the_document(app: FastAPI, document: dict[str, Any]) -> None:
    served = {
        (route.path, method.lower())
        for route in routes(app)
        if isinstance(route, Route)
        for method in (route.methods or ())
        if route.path not in UNDOCUMENTED
    }
    listed = {
        (path, method) for path, operations in document["paths"].items() for method in operations
    }
    assert served == listed
    assert len(listed) > 15
    hidden = [r for r in routes(app) if isinstance(r, APIRoute) and not r.include_in_schema]
    assert {route.path for route in hidden} <= UNDOCUMENTED


def test_there_is_nothing_but_plain_routes(app: FastAPI) -> None:
    """No mounted application, static files or web socket."""
    assert [route for route in routes(app) if not isinstance(route, Route)] == []


def test_every_route_belongs_to_a_version(document: dict[str, Any]) -> None:
    assert [path for path in document["paths"] if not VERSIONS.match(path)] == []
    assert document["info"]["version"] == __version__


def test_every_operation_says_what_it_does_and_answers(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["tags"], where
            assert (
                set(operation["responses"]) - {"200", "default"}
                or path == "/healthz"
                or ("default" in operation["responses"])
            ), where
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    assert content["schema"], where


def test_no_operation_is_deprecated_or_named_twice(document: dict[str, Any]) -> None:
    operations = [one for found in document["paths"].values() for one in found.values()]
    assert [one for one in operations if one.get("deprecated")] == []
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)


def test_every_route_is_in_the_pages(document: dict[str, Any]) -> None:
    """By each of its words: a page may name a family of routes once and then their ends."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    for path in document["paths"]:
        words = [word for word in path.split("/") if word and not word.startswith("{")]
        absent = [word for word in words if not re.search(rf"[/`]{re.escape(word)}\b", text)]
        assert absent == [], path
