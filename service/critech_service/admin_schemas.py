"""Response models of the administration routes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from critech_service.schemas import ModelOut

Verdict = Literal["refer", "review", "no_indication"]


class ReloadedOut(BaseModel):
    """What a reload has done."""

    status: Literal["exchanged", "unchanged"]
    model: ModelOut = Field(description="The bundle that serves now.")
    previous: ModelOut = Field(description="The bundle that served before.")


class TaxonomyDisagreementOut(BaseModel):
    """Disagreements in one taxonomy."""

    id: str = Field(examples=["jp-secret-patent-25"])
    documents: int = Field(description="Documents that both bundles have classified.")
    decision_differs: int = Field(description="Of these, with other labels possible or assigned.")
    top_1_differs: int = Field(description="Of these, with another label of the highest score.")


class VerdictPairOut(BaseModel):
    """Filings with one verdict by the one bundle and one by the other."""

    served: Verdict
    shadow: Verdict
    filings: int


class AgainstOut(BaseModel):
    """Disagreements with one bundle that answered."""

    model: ModelOut
    documents: int
    taxonomies: list[TaxonomyDisagreementOut]
    filings: int
    verdict_differs: int
    verdicts: list[VerdictPairOut]


class ShadowOut(BaseModel):
    """The shadow bundle and its counts since the start of the service."""

    model: ModelOut = Field(description="The shadow bundle.")
    share: float = Field(description="Share of documents in the sample.")
    waiting: int = Field(description="Documents and filings that wait or are worked on.")
    dropped: int = Field(description="Of the sample, those for which there was no room.")
    failed: int = Field(description="Of the sample, those that could not be classified.")
    against: list[AgainstOut]
