"""``GET /v1/taxonomies``: the labels that results refer to, as the bundle holds them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from critech_labels import Label, Taxonomy, TaxonomyError
from critech_labels.export import snapshot
from critech_service.problems import NOT_FOUND_RESPONSE, UnicodeJSONResponse

router = APIRouter(tags=["taxonomies"])


@router.get("/v1/taxonomies", summary="List the taxonomies")
async def list_taxonomies(request: Request) -> Response:
    """Return every taxonomy without its labels: instrument, authority, version, counts."""
    found = [_head(taxonomy) for taxonomy in _taxonomies(request).values()]
    return UnicodeJSONResponse({"taxonomies": found})


@router.get("/v1/taxonomies/{taxonomy_id}", summary="One taxonomy", responses=NOT_FOUND_RESPONSE)
async def one_taxonomy(taxonomy_id: str, request: Request) -> Response:
    """Return a taxonomy with all its labels, sub-items after their category."""
    taxonomy = _find(request, taxonomy_id)
    return UnicodeJSONResponse({**_head(taxonomy), "labels": snapshot(taxonomy)["labels"]})


@router.get(
    "/v1/taxonomies/{taxonomy_id}/labels/{code}",
    summary="One label",
    responses=NOT_FOUND_RESPONSE,
)
async def one_label(taxonomy_id: str, code: str, request: Request) -> Response:
    """Return a label with its definition, terms, source and, for the secret-patent fields, its IPC
    rules; a category comes with its sub-items."""
    taxonomy = _find(request, taxonomy_id)
    try:
        label = taxonomy.label(code)
    except TaxonomyError:
        raise HTTPException(404, f"Taxonomy {taxonomy.id} has no such label.") from None
    return UnicodeJSONResponse(_with_children(taxonomy, label))


def _with_children(taxonomy: Taxonomy, label: Label) -> dict[str, Any]:
    by_code = {raw["code"]: raw for raw in snapshot(taxonomy)["labels"]}
    return {
        "taxonomy": {"id": taxonomy.id, "version": taxonomy.version},
        **by_code[label.code],
        "children": [by_code[child.code] for child in taxonomy.children(label.code)],
    }


def _taxonomies(request: Request) -> dict[str, Taxonomy]:
    found: dict[str, Taxonomy] = request.app.state.classifier.taxonomies
    return found


def _find(request: Request, taxonomy_id: str) -> Taxonomy:
    known = _taxonomies(request)
    if taxonomy_id not in known:
        raise HTTPException(404, f"No such taxonomy; there are {', '.join(known)}.")
    return known[taxonomy_id]


def _head(taxonomy: Taxonomy) -> dict[str, Any]:
    head = {key: value for key, value in snapshot(taxonomy).items() if key != "labels"}
    top = len(taxonomy.top_level())
    return {**head, "n_labels": top, "n_sub_items": len(taxonomy.labels) - top}
