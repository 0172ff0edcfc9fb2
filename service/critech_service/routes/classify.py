"""``POST /v1/classify``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from critech import Document
from critech.classifier import Options
from critech_service.leases import classifier_of
from critech_service.problems import PROBLEM_RESPONSES, UnicodeJSONResponse
from critech_service.schemas import ClassifyIn, ClassifyOut, DocumentIn
from critech_service.shadowing import shadow_classified

router = APIRouter(tags=["classification"])


@router.post(
    "/v1/classify",
    summary="Classify documents",
    response_model=ClassifyOut,
    response_description="One result per document, in input order.",
    responses=PROBLEM_RESPONSES,
)
async def classify(body: ClassifyIn, request: Request) -> Response:
    """Map 1 to 64 patent abstracts or product descriptions onto the taxonomies."""
    classifier = classifier_of(request)
    documents = [_document(item) for item in body.documents]
    options = Options(
        taxonomies=None if body.taxonomies is None else tuple(body.taxonomies),
        top_k=body.top_k,
        min_score=body.min_score,
        explain=body.explain,
        as_of=body.as_of,
    )
    found = await run_in_threadpool(classifier.classify, documents, options)
    answer = UnicodeJSONResponse(found.as_dict())
    return shadow_classified(request, answer, classifier, documents, found)


def _document(item: DocumentIn) -> Document:
    return Document(
        text=item.text,
        id=item.id,
        title=item.title,
        language=item.language,
        ipc=tuple(item.ipc or ()),
    )
