"""``POST /v1/classify``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from critech import Classification, Document
from critech.classifier import Options
from critech.encoder import Run
from critech_service.flow.cost import documents_cost
from critech_service.flow.flow import Flow
from critech_service.leases import classifier_of
from critech_service.problems import (
    PROBLEM_RESPONSES,
    UNAVAILABLE_RESPONSE,
    UnicodeJSONResponse,
)
from critech_service.schemas import ClassifyIn, ClassifyOut, DocumentIn
from critech_service.shadowing import shadow_classified

router = APIRouter(tags=["classification"])


@router.post(
    "/v1/classify",
    summary="Classify documents",
    response_model=ClassifyOut,
    response_description="One result per document, in input order.",
    responses={**PROBLEM_RESPONSES, **UNAVAILABLE_RESPONSE},
)
async def classify(body: ClassifyIn, request: Request) -> Response:
    """Map 1 to 64 patent abstracts or product descriptions onto the taxonomies."""
    classifier = classifier_of(request)
    flow: Flow = request.app.state.flow
    documents = [document_of(item) for item in body.documents]
    options = Options(
        taxonomies=None if body.taxonomies is None else tuple(body.taxonomies),
        top_k=body.top_k,
        min_score=body.min_score,
        explain=body.explain,
        as_of=body.as_of,
    )
    cost = documents_cost(documents, classifier.bundle.encoder_config, options.explain)

    def classified(run: Run) -> tuple[Classification, Response]:
        found = classifier.on(run).classify(documents, options)
        return found, UnicodeJSONResponse(found.as_dict())

    found, answer = await flow.answer(request, cost, classified)
    return shadow_classified(request, answer, classifier, documents, found)


def document_of(item: DocumentIn) -> Document:
    """Return a document as the core takes it."""
    return Document(
        text=item.text,
        id=item.id,
        title=item.title,
        language=item.language,
        ipc=tuple(item.ipc or ()),
    )
