"""``GET /v1/taxonomies`` and ``/v1/crosswalk``: the labels that results refer to.

They are shown as the bundle holds them, or, with ``as_of``, in the version in force on that date.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import Response

from critech_labels import Label, Taxonomy, TaxonomyError
from critech_labels.crosswalk import correspondences, read_crosswalk
from critech_labels.export import snapshot
from critech_service.leases import classifier_of
from critech_service.problems import NOT_FOUND_RESPONSE, UnicodeJSONResponse, documented, link
from critech_service.schemas import TAXONOMY, DateIn
from critech_service.taxonomy_schemas import (
    CrosswalkOut,
    OneLabelOut,
    TaxonomiesOut,
    TaxonomyOut,
)

router = APIRouter(tags=["taxonomies"])

AsOf = Annotated[
    DateIn | None, Query(description="The versions in force on this date, YYYY-MM-DD.")
]
LabelId = Annotated[
    str | None,
    Query(
        max_length=60,
        pattern=r"^[a-z0-9-]+:[A-Za-z0-9.]+$",
        description="Label id.",
        examples=["jp-secret-patent-25:10"],
    ),
]
TaxonomyId = Annotated[str, Path(description="Taxonomy id.", json_schema_extra=TAXONOMY)]
Code = Annotated[
    str,
    Path(
        description="Code within the taxonomy.",
        examples=["10"],
        json_schema_extra={"pattern": r"^K?[0-9]{2}(\.[ivx]+)?$"},
    ),
]
TO_TAXONOMY = link("one_taxonomy", taxonomy_id="$response.body#/taxonomies/0/id")
TO_LABEL = link("one_label", taxonomy_id="$response.body#/id", code="$response.body#/labels/0/code")
TO_CROSSWALK = link("crosswalk", label="{$response.body#/taxonomy/id}:{$response.body#/code}")


@router.get(
    "/v1/taxonomies",
    summary="List the taxonomies",
    response_model=TaxonomiesOut,
    responses={**TO_TAXONOMY, **documented(422)},
)
async def list_taxonomies(request: Request, as_of: AsOf = None) -> Response:
    """Return every taxonomy without its labels: instrument, authority, version, counts."""
    found = [_head(taxonomy, as_of) for taxonomy in _taxonomies(request, as_of).values()]
    return UnicodeJSONResponse({"taxonomies": found})


@router.get(
    "/v1/taxonomies/{taxonomy_id}",
    summary="One taxonomy",
    response_model=TaxonomyOut,
    responses={**TO_LABEL, **NOT_FOUND_RESPONSE},
    operation_id="one_taxonomy",
)
async def one_taxonomy(taxonomy_id: TaxonomyId, request: Request, as_of: AsOf = None) -> Response:
    """Return a taxonomy with all its labels, sub-items after their category."""
    taxonomy = _find(request, taxonomy_id, as_of)
    return UnicodeJSONResponse({**_head(taxonomy, as_of), "labels": snapshot(taxonomy)["labels"]})


@router.get(
    "/v1/taxonomies/{taxonomy_id}/labels/{code}",
    summary="One label",
    response_model=OneLabelOut,
    responses={**TO_CROSSWALK, **NOT_FOUND_RESPONSE},
    operation_id="one_label",
)
async def one_label(
    taxonomy_id: TaxonomyId, code: Code, request: Request, as_of: AsOf = None
) -> Response:
    """Return a label with its definition, terms, source and, for the secret-patent fields, its IPC
    rules; a category comes with its sub-items."""
    taxonomy = _find(request, taxonomy_id, as_of)
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


@router.get(
    "/v1/crosswalk",
    summary="Correspondences between the taxonomies",
    response_model=CrosswalkOut,
    responses=NOT_FOUND_RESPONSE,
    operation_id="crosswalk",
)
async def crosswalk(label: LabelId = None) -> Response:
    """Return which labels of different taxonomies correspond, how and why: all of them, each pair
    once, or, with `label`, those of one label. Editorial work, no determination."""
    whole = read_crosswalk()
    try:
        entries = whole.entries if label is None else correspondences(label)
    except TaxonomyError:
        raise HTTPException(404, "There is no such label.") from None
    return UnicodeJSONResponse(
        {
            "status": whole.status,
            "as_of": whole.as_of.isoformat(),
            "notice": whole.notice.as_dict(),
            "versions": dict(whole.versions),
            "entries": [entry.as_dict() for entry in entries],
            "unmatched": [
                {"label": name, "why": why.as_dict()} for name, why in whole.unmatched.items()
            ],
        }
    )


def _taxonomies(request: Request, as_of: dt.date | None) -> dict[str, Taxonomy]:
    return classifier_of(request).taxonomies_as_of(as_of)


def _find(request: Request, taxonomy_id: str, as_of: dt.date | None) -> Taxonomy:
    known = _taxonomies(request, as_of)
    if taxonomy_id not in known:
        raise HTTPException(404, f"No such taxonomy; there are {', '.join(known)}.")
    return known[taxonomy_id]


def _head(taxonomy: Taxonomy, as_of: dt.date | None) -> dict[str, Any]:
    force = {} if as_of is None else {"in_force": taxonomy.in_force(as_of)}
    head = {key: value for key, value in snapshot(taxonomy).items() if key != "labels"}
    top = len(taxonomy.top_level())
    return {**head, **force, "n_labels": top, "n_sub_items": len(taxonomy.labels) - top}
