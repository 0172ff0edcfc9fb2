"""Every answer is what OpenAPI says of it: no field more, none of another type."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.app import create_app
from critech_service.model_schemas import (
    AliveOut,
    ModelDetailsOut,
    ReadyStateOut,
)
from critech_service.schemas import READABLE
from critech_service.settings import Settings
from critech_service.taxonomy_schemas import (
    CrosswalkOut,
    OneLabelOut,
    TaxonomiesOut,
    TaxonomyOut,
)

TAXONOMIES = ["jp-critical-20", "jp-kprogram-50", "jp-secret-patent-25", "us-ecra-14"]
ANSWERS: list[tuple[str, type[BaseModel]]] = [
    ("/healthz", AliveOut),
    ("/readyz", ReadyStateOut),
    ("/v1/model", ModelDetailsOut),
    ("/v1/taxonomies", TaxonomiesOut),
    ("/v1/taxonomies?as_of=2024-06-01", TaxonomiesOut),
    *((f"/v1/taxonomies/{name}", TaxonomyOut) for name in TAXONOMIES),
    ("/v1/taxonomies/us-ecra-14/labels/07", OneLabelOut),
    ("/v1/taxonomies/jp-secret-patent-25/labels/17", OneLabelOut),
    ("/v1/crosswalk", CrosswalkOut),
    ("/v1/crosswalk?label=jp-secret-patent-25:10", CrosswalkOut),
]


def unknown_fields(value: Any, schema: dict[str, Any], parts: dict[str, Any], at: str) -> list[str]:
    """Return where a value has fields that its JSON schema does not name."""
    if "$ref" in schema:
        return unknown_fields(value, parts[schema["$ref"].rpartition("/")[2]], parts, at)
    if value is not None and "anyOf" in schema:
        (schema,) = [one for one in schema["anyOf"] if one.get("type") != "null"]
        return unknown_fields(value, schema, parts, at)
    if isinstance(value, list):
        items = schema["items"]
        found = [unknown_fields(one, items, parts, f"{at}[{i}]") for i, one in enumerate(value)]
        return [field for fields in found for field in fields]
    if not isinstance(value, dict):
        return []
    known, further = schema.get("properties", {}), schema.get("additionalProperties")
    unknown = []
    for name, one in value.items():
        inner = known.get(name, further)
        if inner is None:
            unknown.append(f"{at}.{name}")
        elif inner is not True:
            unknown += unknown_fields(one, inner, parts, f"{at}.{name}")
    return unknown


@pytest.mark.parametrize(("path", "model"), ANSWERS)
def test_answers_match_their_models(client: TestClient, path: str, model: type[BaseModel]) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    model.model_validate_json(answer.content, strict=True)
    schema = model.model_json_schema()
    assert unknown_fields(answer.json(), schema, schema.get("$defs", {}), "answer") == []


def test_every_answer_of_json_has_a_schema(classifier: Classifier) -> None:
    document = create_app(Settings(), classifier).openapi()
    bare = [
        f"{method} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for content in operation["responses"].get("200", {}).get("content", {}).values()
        if not content.get("schema")
    ]
    assert bare == []


def test_every_link_leads_somewhere(client: TestClient) -> None:
    """Every operation that a link names is there, and what it takes from the body is in it."""
    document = client.get("/openapi.json").json()
    operations = {
        operation["operationId"]: {p["name"] for p in operation.get("parameters", ())}
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert len(operations) == sum(map(len, document["paths"].values()))
    links = [
        (name, link)
        for methods in document["paths"].values()
        for operation in methods.values()
        for name, link in operation["responses"].get("200", {}).get("links", {}).items()
    ]
    assert {name for name, _ in links} >= {"one_taxonomy", "one_label", "crosswalk"}
    for name, link in links:
        assert link["operationId"] == name
        assert set(link["parameters"]) <= operations[name]


def test_text_that_can_be_read_is_what_openapi_says_it_is() -> None:
    """The pattern in OpenAPI and the check in the core agree on every character."""
    pattern = TypeAdapter(Annotated[str, Field(pattern=READABLE["pattern"])])

    def matches(text: str) -> bool:
        try:
            pattern.validate_python(text)
        except ValidationError:
            return False
        return True

    readable, other = [], []
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        if unicodedata.category(chr(code)) != "Cn":  # another edition of Unicode may know it
            (readable if chr(code).isalnum() else other).append(chr(code))
    assert not matches("".join(other))
    assert all(matches(char) for char in readable)


def test_a_whole_number_may_be_written_with_a_point(client: TestClient) -> None:
    """To JSON, and to its schema, 2.0 is an integer."""
    for top_k, status in ((2.0, 200), (2.5, 422), (0.0, 422), (1001.0, 422), (True, 422)):
        request = {"documents": [{"text": "A torpedo."}], "top_k": top_k}
        assert client.post("/v1/classify", json=request).status_code == status


def test_openapi_describes_every_error_as_a_problem(classifier: Classifier) -> None:
    """FastAPI adds a 422 of its own to every route with parameters unless told of another."""
    document = create_app(Settings(), classifier).openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
