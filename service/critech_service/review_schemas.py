"""Request and response models of ``/v1/screen/review``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from critech.audit import CODE, NAME
from critech_service.schemas import WHOLE, Strict

MAX_CORRECTIONS = 64
MAX_RECORD = 2**53 - 1  # what JSON carries exactly everywhere
MAX_REVIEWER = 48  # with the key's id behind it, it still is a name for the log


class CorrectionIn(Strict):
    """Whether a label applies to the filing."""

    label: Annotated[str, Field(max_length=81)] = Field(examples=["jp-secret-patent-25:10"])
    judgement: Literal["right", "wrong"]


class ReviewIn(Strict):
    """A reviewer's verdict on a screened filing."""

    record: Annotated[int, Field(ge=1, le=MAX_RECORD), WHOLE] = Field(
        description="Number of the screening record, from `X-Audit-Records`.", examples=[17]
    )
    verdict: Literal["refer", "review", "no_indication"] = Field(
        description="The reviewer's verdict; the same as before to accept it."
    )
    reason_code: str = Field(
        pattern=f"^{CODE.pattern}$",
        description="Why, as a code of the operator's own: lower-case letters, digits and _.",
        examples=["prior_art"],
    )
    reviewer: str = Field(
        max_length=MAX_REVIEWER,
        pattern=f"^{NAME.pattern}$",
        description="Who; `@` and the id of the key are added where keys are in use.",
        examples=["examiner.1"],
    )
    corrections: list[CorrectionIn] = Field(
        default_factory=list,
        max_length=MAX_CORRECTIONS,
        description="Labels judged, for the corrections file, where the operator keeps one.",
    )


class ReviewOut(BaseModel):
    """Where the review stands in the log."""

    record: int = Field(description="Number of the review's own record.")
    hash: str = Field(description="Its hash.")
    reviewer: str = Field(description="The reviewer as recorded.")
    corrections: int = Field(description="Corrections written.")


class ReviewingOut(BaseModel):
    """Whether a review is taken, and what it can write to."""

    audit: bool = Field(description="Whether the audit log is on; without it there is no review.")
    corrections: bool = Field(description="Whether a corrections file is kept.")
    allowed: bool = Field(description="Whether the key of this request may review.")
