"""Paths as route templates: what a client types is never a name in metrics, logs or traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from starlette.routing import BaseRoute

UNMATCHED = "unmatched"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Templates:
    """The routes of an application by their templates, such as ``/v1/taxonomies/{taxonomy_id}``."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = [(route.path_regex, str(route.path)) for route in _flat(routes)]

    def __iter__(self) -> Iterator[str]:
        return (template for _, template in self._routes)

    def of(self, path: str) -> str:
        """Return the template that a path matches, whatever the method, or ``unmatched``. What a
        middleware refuses is never routed, hence this second look."""
        return next((name for regex, name in self._routes if regex.match(path)), UNMATCHED)


def method(name: str) -> str:
    """Return a method that exists, ``other`` for what a client made up."""
    return name if name in METHODS else "other"


def _flat(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    for route in routes:
        if hasattr(route, "path_regex"):
            yield route
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from _flat(included.routes)
