"""``POST /v1/classify/stream``."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from critech import Classifier, Document
from critech.classifier import Options
from critech.encoder import Run
from critech.errors import InputError
from critech_service.flow.cost import documents_cost
from critech_service.flow.flow import Flow
from critech_service.flow.lanes import Lane
from critech_service.flow.refusals import FlowRefusal
from critech_service.hand_read import body_schema
from critech_service.ndjson import Line
from critech_service.observability.logs import failure
from critech_service.problems import MAX_ERRORS, documented, field_error
from critech_service.routes.classify import document_of
from critech_service.schemas import DocumentIn
from critech_service.serving import Serving
from critech_service.stream import MEDIA_TYPE, StreamAnswer, as_line, line_problem
from critech_service.stream_schemas import StreamOptions, answer_schema

PATH = "/v1/classify/stream"
router = APIRouter(tags=["classification"])
log = logging.getLogger("critech")


@router.post(
    PATH,
    summary="Classify a stream of documents",
    response_class=Response,
    responses={
        200: {
            "description": "One line of JSON for each line sent that is not blank, in its order.",
            "content": {MEDIA_TYPE: {"schema": answer_schema()}},
        },
        **documented(415, 422, 503),
    },
    openapi_extra=body_schema(DocumentIn, MEDIA_TYPE),
)
async def classify_stream(options: Annotated[StreamOptions, Query()], request: Request) -> Response:
    """Map documents onto the taxonomies, one JSON object on each line, any number of lines.

    Answers come while lines are read: read them while you send. A line that cannot be used gives
    problem details with its `line` number, and the lines after it go on.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise HTTPException(415, f"Send the lines as {MEDIA_TYPE}.")
    wanted = options.as_options()
    flow: Flow = request.app.state.flow
    serving: Serving = request.app.state.serving
    serving.current.classify([], wanted)  # an unknown taxonomy is told of at once
    lane: Lane = deque()

    async def answer(line: Line) -> bytes:
        try:
            with serving.lease() as classifier:  # for the line: a stream may outlive a bundle
                return await _classified(classifier, flow, lane, line, wanted)
        except ValidationError as error:
            return _invalid(line, error)
        except InputError as error:
            field = error.field.rpartition(".")[2]
            found = [{"field": field, "message": error.problem}]
            return line_problem(line.number, 422, f"{field}: {error.problem}", found)
        except FlowRefusal as error:
            return line_problem(line.number, error.status_code, error.detail, kind=error.kind)
        except asyncio.CancelledError:
            raise
        except (
            BaseException
        ) as error:  # the lines after it go on; a SystemExit would end the server
            log.error("unexpected %s", type(error).__name__, extra={"fields": failure(error)})
            return line_problem(line.number, 500, "An unexpected error occurred.")

    return StreamAnswer(flow, answer)


async def _classified(
    classifier: Classifier, flow: Flow, lane: Lane, line: Line, options: Options
) -> bytes:
    document: Document = document_of(DocumentIn.model_validate(line.value))
    cost = documents_cost([document], classifier.bundle.encoder_config, options.explain)

    def rendered(run: Run) -> bytes:
        found = classifier.on(run).classify([document], options).as_dict()
        (result,) = found.pop("results")
        return as_line({"line": line.number, "result": result, **found})

    return await flow.answer_line(lane, cost, rendered)


def _invalid(line: Line, error: ValidationError) -> bytes:
    found = error.errors(include_input=False, include_context=False, include_url=False)
    errors = [field_error(item) for item in found]
    detail = f"{errors[0]['field']}: {errors[0]['message']}"
    return line_problem(line.number, 422, detail, errors[:MAX_ERRORS])
