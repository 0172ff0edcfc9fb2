"""OWASP API5:2023 Broken Function Level Authorization.

A key reaches the functions of its scopes, whatever the method or the spelling of the path; what no
table lists is the administrator's alone, so a forgotten route is closed.
"""

from __future__ import annotations

from typing import Any

import pytest
from keyed import Keys
from starlette.testclient import TestClient

from critech_service.access.records import Scope
from critech_service.access.scopes import BELOW, ROUTES, need


def test_each_scope_reaches_its_own_and_no_other(
    keyed: TestClient, keys: Keys, document: dict[str, Any]
) -> None:
    """Walks the document with a key of each scope."""
    for path, operations in document["paths"].items():
        filled = path.replace("{", "").replace("}", "")
        needed = need(filled)
        for scope in Scope:
            for method in operations:
                status = keyed.request(method, filled, headers=keys.header(scope)).status_code
                is_closed = isinstance(needed, Scope) and needed != scope
                assert (status == 403) == is_closed or path.endswith("/learn"), (
                    method,
                    path,
                    scope,
                )


@pytest.mark.parametrize("path", [
    "/v1/screen/", "//v1/screen", "/v1//screen", "/V1/screen", "/v1/Screen", "/v1/./screen",
    "/v1/../v1/screen", "/v1/%73creen", "/v1/screen;x=1", "/v1/screen%00", "/v1/screen%2f",
    "/v1/taxonomies/../screen", "/annif/v1/../../v1/screen", "/v1/taxonomies/..%2fscreen",
    "/v2/models/../../v1/screen",
])  # fmt: skip
def test_no_spelling_of_a_path_gets_around(keyed: TestClient, keys: Keys, path: str) -> None:
    """What the router takes for the route of screening, the check takes for it too."""
    body = {"filings": [{"title": "A hinge", "abstract": "A hinge for a drawer."}]}
    answer = keyed.post(path, json=body, headers=keys.header("classify"))
    assert answer.status_code in (403, 404, 405)


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "HEAD"]
)
def test_no_method_gets_around(keyed: TestClient, keys: Keys, method: str) -> None:
    answer = keyed.request(method, "/v1/screen", headers=keys.header("classify"))
    assert answer.status_code == 403
    override = {"X-HTTP-Method-Override": "GET", "X-Original-URL": "/healthz",
                "X-Rewrite-URL": "/healthz", **keys.header("classify")}  # fmt: skip
    assert keyed.request(method, "/v1/screen", headers=override).status_code == 403


def test_what_is_not_listed_is_the_administrators(keyed: TestClient, keys: Keys) -> None:
    for path in ("/v1/admin", "/v1/admin/reload", "/v1/anything", "/pages", "/v3", "/debug"):
        assert need(path) is Scope.ADMIN
        assert keyed.get(path, headers=keys.header("classify")).status_code == 403
        assert keyed.get(path, headers=keys.header("admin")).status_code in (404, 405)
    opened = [path for path, needed in {**ROUTES, **BELOW}.items() if needed == "open"]
    assert sorted(opened) == ["/", "/healthz", "/page/", "/readyz"]
