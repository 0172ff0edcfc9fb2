"""``/v2``: the Open Inference Protocol (KServe V2) over the same classifier."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from critech import Classification, Classifier, __version__
from critech.classifier import Options
from critech.encoder import Run
from critech.errors import InputError, UnknownTaxonomyError
from critech_service.flow.cost import documents_cost
from critech_service.flow.flow import Flow
from critech_service.hand_read import JSON, body_schema, read_json
from critech_service.kserve import BINARY, MODEL, documents, metadata, response, taxonomy
from critech_service.kserve_schemas import (
    ErrorOut,
    InferIn,
    InferOut,
    LiveOut,
    ModelMetadataOut,
    ModelReadyOut,
    ReadyOut,
    ServerOut,
)
from critech_service.leases import classifier_of
from critech_service.observability.record import refused_for
from critech_service.problems import (
    OTHER_RESPONSE,
    UnicodeJSONResponse,
    documented,
    link,
    note_refusal,
)
from critech_service.shadowing import shadow_classified

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class V2Route(APIRoute):
    """A route whose errors are the protocol's ``{"error": "..."}``."""

    def get_route_handler(self) -> Handler:
        """Return the handler."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                note_refusal(error)
                content = {"error": str(error.detail)}
                return UnicodeJSONResponse(content, error.status_code, headers=error.headers)
            except InputError as error:
                note_refusal(error)
                return UnicodeJSONResponse({"error": str(error)}, 400)

        return answer


router = APIRouter(prefix="/v2", tags=["kserve"], route_class=V2Route, responses=OTHER_RESPONSE)
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorOut, "description": "There is no such model or version"},
    503: {"model": ErrorOut, "description": "The bundle is not loaded yet"},
}
_BUSY = "The bundle is not loaded yet, the queue is full, or the time is over"
UNUSABLE: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "The request is not valid"},
    **UNKNOWN,
    413: {**documented(413)[413], "model": ErrorOut},
    503: {**documented(503)[503], "model": ErrorOut, "description": _BUSY},
}


@router.get("", summary="What answers", response_model=ServerOut)
async def server() -> Response:
    """Return name and version of the server. It has none of the protocol's extensions."""
    return UnicodeJSONResponse({"name": "critech", "version": __version__, "extensions": []})


@router.get("/health/live", summary="Is the process alive", response_model=LiveOut)
async def live() -> Response:
    """Answer at once, whatever the state of the model."""
    return UnicodeJSONResponse({"live": True})


@router.get(
    "/health/ready",
    summary="Can it classify",
    response_model=ReadyOut,
    responses={503: {"model": ReadyOut}},
)
async def ready(request: Request) -> Response:
    """Answer 200 while every check of readiness passes, else 503."""
    state = request.app.state.readiness.ready()
    return UnicodeJSONResponse({"ready": state}, 200 if state else 503)


Name = Annotated[str, Path(description="The model.", json_schema_extra={"enum": [MODEL]})]


async def _model(request: Request, name: Name) -> Classifier:
    if name != MODEL:
        raise HTTPException(404, f"there is no such model; there is {MODEL}")
    if not _is_ready(request):
        refused_for("not_ready")
        raise HTTPException(503, "the bundle is not loaded, or failed its self-test")
    return classifier_of(request)


async def _version(request: Request, name: Name, version: str) -> Classifier:
    classifier = await _model(request, name)
    if version != classifier.model.version:
        raise HTTPException(404, f"there is no such version; there is {classifier.model.version}")
    return classifier


Model = Annotated[Classifier, Depends(_model)]
Version = Annotated[Classifier, Depends(_version)]
ABOUT: dict[str, Any] = {"response_model": ModelMetadataOut, "responses": UNKNOWN}
VERSIONED = ("v2_model_version", "v2_version_ready", "v2_version_infer")
TO_VERSIONS = link(*VERSIONED, name="$response.body#/name", version="$response.body#/versions/0")
READY: dict[str, Any] = {"response_model": ModelReadyOut, "responses": UNKNOWN}
INFER: dict[str, Any] = {
    "response_model": InferOut,
    "responses": UNUSABLE,
    "openapi_extra": body_schema(InferIn, JSON),
}


@router.get(
    "/models/{name}",
    summary="The model",
    response_model=ModelMetadataOut,
    responses={**TO_VERSIONS, **UNKNOWN},
)
async def model(classifier: Model) -> Response:
    """Return the tensors of the model and the label ids of their columns."""
    return UnicodeJSONResponse(metadata(classifier))


@router.get(
    "/models/{name}/versions/{version}",
    summary="A version of the model",
    operation_id="v2_model_version",
    **ABOUT,
)
async def model_version(classifier: Version) -> Response:
    """Return the tensors of the model and the label ids of their columns."""
    return UnicodeJSONResponse(metadata(classifier))


@router.get("/models/{name}/ready", summary="Can the model classify", **READY)
async def model_ready(_: Model) -> Response:
    """Answer 200 once a text was classified, else 503."""
    return UnicodeJSONResponse({"name": MODEL, "ready": True})


@router.get(
    "/models/{name}/versions/{version}/ready",
    summary="Can this version classify",
    operation_id="v2_version_ready",
    **READY,
)
async def version_ready(_: Version) -> Response:
    """Answer 200 once a text was classified, else 503."""
    return UnicodeJSONResponse({"name": MODEL, "ready": True})


@router.post("/models/{name}/infer", summary="Classify documents", **INFER)
async def infer(request: Request, classifier: Model) -> Response:
    """Return scores and decisions of all labels, or of one taxonomy's, for 1 to 64 documents."""
    return await _inferred(request, classifier)


@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="Classify with this version",
    operation_id="v2_version_infer",
    **INFER,
)
async def version_infer(request: Request, classifier: Version) -> Response:
    """Return scores and decisions of all labels, or of one taxonomy's, for 1 to 64 documents."""
    return await _inferred(request, classifier)


async def _inferred(request: Request, classifier: Classifier) -> Response:
    if "inference-header-content-length" in request.headers:
        raise InputError("body", BINARY)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise InputError("body", "compressed bodies are not supported")
    body = await read_json(request, InferIn)
    given, options = documents(body), Options(taxonomy(body), top_k=None)
    flow: Flow = request.app.state.flow
    cost = documents_cost(given, classifier.bundle.encoder_config, options.explain)

    def inferred(run: Run) -> tuple[Classification, Response]:
        found = classifier.on(run).classify(given, options)
        return found, UnicodeJSONResponse(response(body, found, classifier.bundle.labels))

    try:
        found, answer = await flow.answer(request, cost, inferred)
    except UnknownTaxonomyError as error:
        raise InputError("parameters.taxonomy", error.problem) from None
    except InputError as error:  # of documents[3].text, which is text[3] here
        field = error.field.replace("documents", "text").removesuffix(".text")
        raise InputError(field, error.problem) from None
    return shadow_classified(request, answer, classifier, given, found)


def _is_ready(request: Request) -> bool:
    return bool(getattr(request.app.state, "ready", False))
