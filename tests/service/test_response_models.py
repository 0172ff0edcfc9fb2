"""The models that describe the lookup routes say neither less nor more than the answers hold."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from critech import Classifier
from critech_labels import load_taxonomies
from critech_service.app import create_app
from critech_service.model_schemas import AliveOut, ModelDetailOut, ReadyOut
from critech_service.settings import Settings
from critech_service.taxonomy_schemas import (
    CrosswalkOut,
    LabelDetailOut,
    TaxonomyListOut,
    TaxonomyOut,
)

LABELS = [label for taxonomy in load_taxonomies().values() for label in taxonomy.labels]
CASES: list[tuple[type[BaseModel], str]] = [
    (TaxonomyListOut, "/v1/taxonomies"),
    (TaxonomyListOut, "/v1/taxonomies?as_of=2024-06-01"),
    *((TaxonomyOut, f"/v1/taxonomies/{name}") for name in load_taxonomies()),
    (TaxonomyOut, "/v1/taxonomies/jp-secret-patent-25?as_of=2024-06-01"),
    (CrosswalkOut, "/v1/crosswalk"),
    (CrosswalkOut, "/v1/crosswalk?label=jp-secret-patent-25:10"),
    (ModelDetailOut, "/v1/model"),
    (AliveOut, "/healthz"),
    (ReadyOut, "/readyz"),
]


def check(client: TestClient, model: type[BaseModel], path: str) -> None:
    """Hold an answer against its model: nothing is missing, unknown, or null where it is absent."""
    answer = client.get(path)
    assert answer.status_code == 200
    read = model.model_validate_json(answer.content, extra="forbid")
    assert read.model_dump(mode="json", exclude_unset=True) == answer.json()


@pytest.mark.parametrize(("model", "path"), CASES)
def test_a_route_answers_as_its_model_says(
    client: TestClient, model: type[BaseModel], path: str
) -> None:
    check(client, model, path)


def test_every_label_is_as_its_model_says(client: TestClient) -> None:
    for label in LABELS:
        check(client, LabelDetailOut, f"/v1/taxonomies/{label.taxonomy_id}/labels/{label.code}")


def test_openapi_describes_every_body_of_success(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    blank = [
        (method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
        if status == "200" and not answer["content"]["application/json"]["schema"]
    ]
    assert blank == []


def test_openapi_describes_every_error_as_a_problem(classifier: Classifier) -> None:
    """FastAPI adds its own 422 to every route with parameters unless told of another."""
    document = create_app(Settings(), classifier).openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
