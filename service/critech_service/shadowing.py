"""What routes hand to the shadow bundle, once their answer was sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import Response
from starlette.background import BackgroundTask

from critech import Classification, Classifier, Document
from critech.screening.filing import Filing
from critech.screening.results import Screening
from critech_service.disagreements import outlooks
from critech_service.shadow import Shadow


def shadow_classified(
    request: Request,
    response: Response,
    classifier: Classifier,
    documents: Sequence[Document],
    found: Classification,
) -> Response:
    """Return the response, which hands the documents over after it was sent."""
    shadow: Shadow | None = request.app.state.shadow
    if shadow is None:
        return response

    async def hand_over() -> None:
        for document, scored in zip(documents, found.scored, strict=True):
            if shadow.chooses():
                shadow.classify(document, outlooks(classifier, scored), found.model)

    response.background = BackgroundTask(hand_over)
    return response


def shadow_screened(
    request: Request,
    response: Response,
    filings: Sequence[Filing],
    as_of: dt.date | None,
    found: Screening,
) -> Response:
    """Return the response, which hands the filings over after it was sent."""
    shadow: Shadow | None = request.app.state.shadow
    if shadow is None:
        return response

    async def hand_over() -> None:
        for filing, result in zip(filings, found.results, strict=True):
            if shadow.chooses():
                shadow.screen(filing, as_of, result.verdict, found.model)

    response.background = BackgroundTask(hand_over)
    return response
