"""OWASP API1:2023 Broken Object Level Authorization.

There is no object of anybody's to reach: the service stores no document, filing or result, so that
no id leads to one. What a path can name is public and the same for all: taxonomies, labels, the
bundle. An id in a request is an echo for its sender.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from keyed import Keys
from starlette.testclient import TestClient

TEXT = "A rocket motor with a solid propellant grain."
PUBLIC_NAMES = {"taxonomy_id", "code", "project_id", "name", "version", "label", "as_of"}
OPTIONS = {
    "limit", "threshold", "language", "taxonomies", "top_k", "explain", "min_score",
}  # fmt: skip


def test_paths_and_queries_name_nothing_but_what_is_public(document: dict[str, Any]) -> None:
    """A new parameter that names something else fails here, and needs a rule on who may."""
    named = {
        parameter["name"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if parameter["in"] in ("path", "query")
    }
    assert named <= PUBLIC_NAMES | OPTIONS


def test_what_was_sent_cannot_be_fetched(keyed: TestClient, keys: Keys) -> None:
    sent = {"documents": [{"id": "A-17", "text": TEXT}]}
    assert keyed.post("/v1/classify", json=sent, headers=keys.header("classify")).status_code == 200
    for path in (
        "/v1/classify/A-17",
        "/v1/documents/A-17",
        "/v1/results/A-17",
        "/v1/classify?id=A-17",
    ):
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
            answer = keyed.request(method, path, headers=keys.header("all"))
            assert answer.status_code in (404, 405)


def test_the_same_id_of_two_clients_meets_nowhere(keyed: TestClient, keys: Keys) -> None:
    """Neither a cache nor a store answers the second with what the first one sent."""
    found = []
    for name, text in (("classify", TEXT), ("all", "A hinge for a drawer with a damper.")):
        body = {"documents": [{"id": "A-17", "text": text}], "explain": True}
        found.append(keyed.post("/v1/classify", json=body, headers=keys.header(name)).json())
    first, second = (one["results"][0] for one in found)
    assert first["id"] == second["id"] == "A-17"
    assert first["taxonomies"] != second["taxonomies"]
    assert "propellant" not in json.dumps(second)


@pytest.mark.parametrize("path", ["/v1/model", "/v1/taxonomies/us-ecra-14", "/v1/crosswalk"])
def test_every_key_sees_the_same(keyed: TestClient, keys: Keys, path: str) -> None:
    seen = {keyed.get(path, headers=keys.header(name)).text for name in keys.tokens}
    assert len(seen) == 1
