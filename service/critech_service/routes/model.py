"""``GET /v1/model``: the bundle behind the answers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from critech.results import NOTICE
from critech.screening.screen import certificate_summary
from critech_service.leases import classifier_of
from critech_service.model_schemas import ModelDetailsOut
from critech_service.problems import UnicodeJSONResponse

router = APIRouter(tags=["model"])


@router.get("/v1/model", summary="The bundle in use", response_model=ModelDetailsOut)
async def model(request: Request) -> Response:
    """Return name, version and digest of the bundle, its files with their checksums, how it was
    trained, its held-out metrics with sample sizes, its model card, the cut-offs of its labels, and
    for screening the cut-offs,
    the fusion of rule and text and the recall certificate."""
    classifier = classifier_of(request)
    bundle = classifier.bundle
    screening, any_field = bundle.screening, bundle.any_field
    return UnicodeJSONResponse(
        {
            **classifier.model.as_dict(),
            "format": bundle.manifest["format"],
            "encoder": bundle.manifest["encoder"],
            "files": bundle.manifest["files"],
            "training": bundle.manifest.get("training", {}),
            "metrics": bundle.metrics,
            "card": bundle.model_card,
            "cutoffs": bundle.thresholds.as_dict(bundle.labels),
            "flags": {
                one.taxonomy: dict(one.any_field.flags or {})
                for one in classifier.scorer.joint
                if one is not None
            },
            "screening": screening
            and {**screening.as_dict(), "any_field": any_field and any_field.as_dict()},
            "certificate": certificate_summary(bundle),
            "taxonomies": [{"id": t.id, "version": t.version} for t in bundle.taxonomies],
            "notice": dict(NOTICE),
        }
    )
