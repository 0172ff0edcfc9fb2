"""``/annif/v1``: the REST shape of Annif 1.x over the same classifier."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from critech import Classification, Document, __version__
from critech.classifier import Options
from critech.encoder import Run
from critech.errors import InputError
from critech_labels.taxonomy import TAXONOMY_IDS
from critech_service.annif import (
    Project,
    detected_languages,
    projects,
    suggestions,
    vocabulary,
)
from critech_service.annif_schemas import (
    LANGUAGES,
    ApiInfoOut,
    BatchSuggestionsOut,
    DetectedLanguagesOut,
    DetectLanguageIn,
    ProjectListOut,
    ProjectOut,
    SuggestBatchIn,
    SuggestForm,
    SuggestionsOut,
    SuggestOptions,
    VocabularyListOut,
)
from critech_service.flow.cost import documents_cost
from critech_service.flow.flow import Flow
from critech_service.hand_read import FORM, body_schema, read_form
from critech_service.leases import classifier_of
from critech_service.problems import (
    OTHER_RESPONSE,
    UnicodeJSONResponse,
    documented,
    link,
    refused_body,
)
from critech_service.shadowing import shadow_classified

ProjectId = Annotated[
    str,
    Path(
        description="`<taxonomy id>-<language of labels>`.",
        json_schema_extra={"enum": [f"{t}-{name}" for t in TAXONOMY_IDS for name in LANGUAGES]},
    ),
]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AnnifRoute(APIRoute):
    """A route that answers 400, as Annif does, where ``/v1`` answers 422."""

    def get_route_handler(self) -> Handler:
        """Return the handler."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except (RequestValidationError, InputError) as error:
                return refused_body(request, error, 400)

        return answer


router = APIRouter(
    prefix="/annif/v1", tags=["annif"], route_class=AnnifRoute, responses=OTHER_RESPONSE
)
NO_PROJECT = documented(404)
UNUSABLE = documented(400, 404, 413, 415)


@router.get("/", summary="What answers", response_model=ApiInfoOut)
async def info() -> Response:
    """Return title and version of the service."""
    return UnicodeJSONResponse(
        {"title": "critech, in the shape of the Annif REST API", "version": __version__}
    )


@router.get("/vocabs", summary="List the taxonomies", response_model=VocabularyListOut)
async def list_vocabularies(request: Request) -> Response:
    """Return every taxonomy as a vocabulary."""
    found = [vocabulary(one) for one in classifier_of(request).taxonomies.values()]
    return UnicodeJSONResponse({"vocabs": found})


@router.get(
    "/projects",
    summary="List the projects",
    response_model=ProjectListOut,
    responses=link("annif_project", project_id="$response.body#/projects/0/project_id"),
)
async def list_projects(request: Request) -> Response:
    """Return one project for each taxonomy and language of labels."""
    found = projects(classifier_of(request)).values()
    return UnicodeJSONResponse({"projects": [project.as_dict() for project in found]})


@router.get(
    "/projects/{project_id}",
    summary="One project",
    response_model=ProjectOut,
    responses={
        **link("annif_suggest", project_id="$response.body#/project_id"),
        **NO_PROJECT,
    },
    operation_id="annif_project",
)
async def one_project(project_id: ProjectId, request: Request) -> Response:
    """Return a project."""
    return UnicodeJSONResponse(_find(request, project_id).as_dict())


@router.post(
    "/projects/{project_id}/suggest",
    summary="Suggest labels for a text",
    operation_id="annif_suggest",
    response_model=SuggestionsOut,
    responses=UNUSABLE,
    openapi_extra=body_schema(SuggestForm, FORM),
)
async def suggest(project_id: ProjectId, request: Request) -> Response:
    """Return the labels of one taxonomy for one text, highest score first."""
    project = _find(request, project_id)
    form = await read_form(request, SuggestForm)
    document = Document(form.text, title=form.metadata_title)
    try:
        found, (shown,) = await _suggested(request, project, [document], form)
    except InputError as error:
        raise InputError(error.field.rpartition(".")[2], error.problem) from None
    return shadow_classified(
        request, UnicodeJSONResponse(shown), classifier_of(request), [document], found
    )


@router.post(
    "/projects/{project_id}/suggest-batch",
    summary="Suggest labels for documents",
    response_model=list[BatchSuggestionsOut],
    responses=UNUSABLE,
)
async def suggest_batch(
    project_id: ProjectId,
    body: SuggestBatchIn,
    options: Annotated[SuggestOptions, Query()],
    request: Request,
) -> Response:
    """Return the labels of one taxonomy for 1 to 64 documents, in input order."""
    project = _find(request, project_id)
    documents = [
        Document(item.text, item.document_id, item.metadata.title if item.metadata else None)
        for item in body.documents
    ]
    found, shown = await _suggested(request, project, documents, options)
    answer = UnicodeJSONResponse(
        [{**one, "document_id": doc.id} for one, doc in zip(shown, documents, strict=True)]
    )
    return shadow_classified(request, answer, classifier_of(request), documents, found)


@router.post(
    "/projects/{project_id}/learn",
    summary="Refused: nothing is learned over HTTP",
    status_code=403,
    response_class=Response,
    responses=documented(403, 404),
)
async def learn(project_id: ProjectId, request: Request) -> Response:
    """Refuse. A bundle is trained with `critech train` and never changes while it serves."""
    project = _find(request, project_id)
    raise HTTPException(
        403,
        f"Project {project.id} does not learn over HTTP: a bundle never changes while it serves.",
    )


@router.post(
    "/detect-language",
    summary="Tell English from Japanese",
    response_model=DetectedLanguagesOut,
    responses=documented(400, 413, 415),
)
async def detect_language(body: DetectLanguageIn) -> Response:
    """Return which of the candidates, English and Japanese, the text's script is that of."""
    found = await run_in_threadpool(detected_languages, body.text, body.languages)
    return UnicodeJSONResponse({"results": found})


async def _suggested(
    request: Request, project: Project, documents: Sequence[Document], options: SuggestOptions
) -> tuple[Classification, list[dict[str, Any]]]:
    classifier = classifier_of(request)
    wanted = Options((project.taxonomy.id,), top_k=None, min_score=options.threshold)
    language = options.language or project.language
    flow: Flow = request.app.state.flow
    cost = documents_cost(documents, classifier.bundle.encoder_config, wanted.explain)

    def suggested(run: Run) -> tuple[Classification, list[dict[str, Any]]]:
        found = classifier.on(run).classify(documents, wanted)
        return found, [
            suggestions(one, found.model, language, options.limit) for one in found.results
        ]

    return await flow.answer(request, cost, suggested)


def _find(request: Request, project_id: str) -> Project:
    known = projects(classifier_of(request))
    if project_id not in known:
        raise HTTPException(404, f"No such project; there are {', '.join(known)}.")
    return known[project_id]
