"""OWASP API3:2023 Broken Object Property Level Authorization.

Mass assignment: request models refuse fields that they do not know, so that nothing inside can be
set from outside. Excessive data: an answer has the fields of its model and no others, and none
holds a key, a path or a setting. Where a protocol of others says that unknown fields are passed
over (Annif, KServe), they change nothing.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from keyed import Keys
from server_process import ServerProcess
from starlette.testclient import TestClient

TEXT = "A rocket motor with a solid propellant grain."
BODILESS = {"/v1/admin/reload"}
INSIDE = ("bundle", "threads", "max_body_bytes", "key_id", "scopes", "decision", "score",
          "calibrated", "ready", "__class__", "__proto__", "verdict", "model")  # fmt: skip


@pytest.mark.parametrize("name", INSIDE)
def test_nothing_inside_can_be_set(keyed: TestClient, keys: Keys, name: str) -> None:
    headers = keys.header("all")
    filing = {"title": TEXT, "abstract": TEXT}
    for path, body in (
        ("/v1/classify", {"documents": [{"text": TEXT}], name: 1}),
        ("/v1/classify", {"documents": [{"text": TEXT, name: 1}]}),
        ("/v1/screen", {"filings": [filing], name: 1}),
        ("/v1/screen", {"filings": [{**filing, name: 1}]}),
        ("/v1/screen", {"filings": [{**filing, "conditions": {name: "yes"}}]}),
    ):
        assert keyed.post(path, json=body, headers=headers).status_code == 422


def test_request_models_are_closed(document: dict[str, Any]) -> None:
    """Walks what bodies of our own may hold: every object says that it takes nothing else."""
    parts = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        if path.startswith("/v1/") and "post" in operations:
            body = operations["post"].get("requestBody")
            assert (body is None) == (path in BODILESS)
            for media_type in (body or {"content": {}})["content"].values():
                for schema in _objects(media_type["schema"], parts, set()):
                    assert schema.get("additionalProperties") is False, (path, schema.get("title"))


def _objects(schema: Any, parts: dict[str, Any], seen: set[str]) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [one for item in schema for one in _objects(item, parts, seen)]
    if not isinstance(schema, dict):
        return []
    found = [schema] if "properties" in schema else []
    name = schema.get("$ref", "").rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        found += _objects(parts[name], parts, seen)
    return found + [one for value in schema.values() for one in _objects(value, parts, seen)]


def test_unknown_fields_of_other_protocols_change_nothing(keyed: TestClient, keys: Keys) -> None:
    headers = keys.header("classify")
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}
    plain = keyed.post("/v2/models/critech/infer", json={"inputs": [tensor]}, headers=headers)
    more = {"inputs": [{**tensor, "bundle": "x"}], "threads": 9, "parameters": {"ready": False}}
    assert keyed.post("/v2/models/critech/infer", json=more, headers=headers).json() == plain.json()


def test_answers_tell_nothing_of_the_inside(
    keyed: TestClient, keys: Keys, server: ServerProcess
) -> None:
    headers = keys.header("all")
    body = {"documents": [{"text": TEXT}], "explain": True}
    said = [
        keyed.get("/v1/model", headers=headers).text,
        keyed.get("/openapi.json", headers=headers).text,
        keyed.get("/readyz").text,
        keyed.post("/v1/classify", json=body, headers=headers).text,
    ]
    inside = [keys.records["all"].id, str(server.base), "/home/", "/root/", "scrypt", "keys.json"]
    assert [word for word in inside if word in json.dumps(said)] == []
