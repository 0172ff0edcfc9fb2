"""Which path needs which scope.

A path that is not listed needs ``admin``, so that a route someone forgets here is closed, however
the path is spelled.
"""

from __future__ import annotations

from typing import Literal

from critech_service.access.records import Scope

Need = Scope | Literal["open", "any key"]

ROUTES: dict[str, Need] = {
    "/healthz": "open",
    "/readyz": "open",
    "/": "open",  # the page is a program and holds nothing; what it asks for needs a key
    "/v1/classify": Scope.CLASSIFY,
    "/v1/classify/stream": Scope.CLASSIFY,
    "/v1/screen": Scope.SCREEN,
    "/v1/screen/review": Scope.REVIEW,  # of any client's filing: records are numbered in a row
    "/v1/screen/reviewing": Scope.SCREEN,
    "/metrics": Scope.METRICS,
    "/v1/admin/reload": Scope.ADMIN,
    "/v1/admin/shadow": Scope.ADMIN,
    "/v1/model": "any key",
    "/v1/crosswalk": "any key",
    "/v1/taxonomies": "any key",
    "/openapi.json": "any key",
    "/v2": "any key",
    "/v2/health/live": "any key",
    "/v2/health/ready": "any key",
}
BELOW: dict[str, Need] = {  # a prefix and all that is below it
    "/page/": "open",
    "/v1/taxonomies/": "any key",
    "/annif/v1/": Scope.CLASSIFY,
    "/v2/models/": Scope.CLASSIFY,
}


def need(path: str) -> Need:
    """Return what a request for a path must show."""
    if path in ROUTES:
        return ROUTES[path]
    for prefix, needed in BELOW.items():
        if path.startswith(prefix):
            return needed
    return Scope.ADMIN
