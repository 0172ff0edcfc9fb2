"""Request and response models of ``POST /v1/screen``. Field names are those of the core's JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from critech_service.schemas import (
    EXAMPLE_EN,
    MAX_ID,
    MAX_SYMBOL_TEXT,
    MAX_SYMBOLS,
    MAX_TEXT,
    MAX_TITLE,
    READABLE,
    DateIn,
    EvidenceOut,
    ModelOut,
    Strict,
    Title,
    WarningOut,
)

MAX_FILINGS = 64
AnswerIn = Literal["yes", "no", "unknown"]

SCREEN_EXAMPLE: dict[str, Any] = {
    "filings": [
        {
            "id": "A-1",
            "title": EXAMPLE_EN["title"],
            "abstract": EXAMPLE_EN["text"],
            "ipc": EXAMPLE_EN["ipc"],
            "filing_date": "2026-01-31",
            "invented_in_japan": "yes",
            "already_public": "no",
            "conditions": {"defence_use": "yes"},
        }
    ]
}


class ConditionsIn(Strict):
    """The four legs of the additional condition of fields 10 to 19; any one is enough."""

    defence_use: AnswerIn = Field(
        "unknown", description="Meant for the defence of Japan or for foreign military use."
    )
    state_or_national_rd_applicant: AnswerIn = Field(
        "unknown",
        description="Filed by the State or a National R&D Agency, not jointly with others.",
    )
    commissioned_rd_bayh_dole: AnswerIn = Field(
        "unknown",
        description="Result of commissioned R&D whose right the State or agency did not take over.",
    )
    commissioned_rd_partial_transfer: AnswerIn = Field(
        "unknown",
        description="Result of State-commissioned R&D whose right was taken over in part only.",
    )


class FilingIn(Strict):
    """One filing. What is not known is `unknown`, which is never read as no."""

    id: str | None = Field(
        None, max_length=MAX_ID, description="Comes back as given.", examples=["A-1"]
    )
    title: str = Field(
        min_length=1,
        max_length=MAX_TITLE,
        description="Title of the invention.",
        json_schema_extra=READABLE,
    )
    abstract: str = Field(
        min_length=1,
        max_length=MAX_TEXT,
        description="Abstract, in English or Japanese.",
        json_schema_extra=READABLE,
    )
    claims: str | None = Field(None, max_length=MAX_TEXT, description="Claims, as one text.")
    description: str | None = Field(None, max_length=MAX_TEXT, description="Description.")
    language: Literal["en", "ja"] | None = Field(
        None, description="Language of the texts; detected by script when absent."
    )
    ipc: list[Annotated[str, Field(max_length=MAX_SYMBOL_TEXT)]] | None = Field(
        None,
        max_length=MAX_SYMBOLS,
        description="IPC symbols given by the office. Without any, the text alone counts.",
        examples=[["F02K 7/14"]],
    )
    filing_date: DateIn | None = Field(
        None,
        description="Filing date, YYYY-MM-DD: dates follow from it, and the edition of the order.",
        examples=["2026-01-31"],
        json_schema_extra={"pattern": "^[0-8]"},  # dates that follow from it must be dates, too
    )
    invented_in_japan: AnswerIn = Field("unknown", description="Made in Japan (Act art. 78).")
    already_public: AnswerIn = Field("unknown", description="Published before the filing.")
    conditions: ConditionsIn = Field(
        default_factory=ConditionsIn, description="Additional conditions."
    )


class ScreenIn(Strict):
    """A request to screen filings."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [SCREEN_EXAMPLE]}
    )

    filings: list[FilingIn] = Field(
        min_length=1, max_length=MAX_FILINGS, description="1 to 64 filings."
    )
    explain: bool = Field(True, description="Look for evidence; false skips its cost.")
    as_of: DateIn | None = Field(
        None,
        description="Edition of the order in force on this date; each filing's own by default.",
        examples=["2025-06-01"],
    )


class ReasonOut(BaseModel):
    """Why a verdict is what it is."""

    code: str = Field(examples=["rule_and_text"])
    field: str | None = Field(description="Field code, or null for the filing as a whole.")
    message: Title


class TopicLimitOut(BaseModel):
    """The topic that an item is limited to, and whether the text names it."""

    en: str
    ja: str
    state: Literal["met", "unmet", "unsettled"]


class IpcRuleOut(BaseModel):
    """How the given symbols meet the items of a field."""

    met: Literal["exact", "subgroup", "other_edition", "coarse", "none", "not_given"]
    items: list[int] = Field(description="Items of Order art. 12(1).", examples=[[23]])
    symbols: list[str] = Field(examples=[["F02K7/14"]])
    edition: str = Field(examples=["2025-01-01"])
    topic_limit: TopicLimitOut | None


class FieldCertificateOut(BaseModel):
    """The recall certificate of a field's cut-off on text."""

    status: Literal["certified", "no_certificate"]
    positives: int
    misses: int
    lower_bound: float
    needed: int = Field(description="Further positives, all found, that would certify the target.")


class FieldTextOut(BaseModel):
    """What the text says of a field."""

    score: float = Field(ge=0, le=1)
    decision: Literal["assigned", "possible", "not_assigned"]
    calibrated: bool
    cutoff: float = Field(description="Score from which the field is looked at.")
    section: str = Field(description="Section that says most.", examples=["abstract"])
    certificate: FieldCertificateOut | None


class FusedOut(BaseModel):
    """Rule and text in one probability."""

    probability: float | None
    basis: Literal["rule_and_text", "text_only"]
    rule: str = Field(description="The formula with its numbers.")


class AdditionalConditionOut(BaseModel):
    """The additional condition of fields 10 to 19."""

    required: bool
    state: Literal["not_required", "met", "not_met", "unknown"]
    waiver: Literal["none", "met", "unsettled"] = Field(
        description="Whether a field without condition makes it needless (Order art. 12(2))."
    )
    basis: list[str] = Field(description="Conditions answered yes.")
    waived_by: list[str] = Field(
        description="Fields met that need no condition, so that none is needed (Order art. 12(2))."
    )


class FieldOut(BaseModel):
    """One of the 25 fields for which rule or text speaks."""

    code: str = Field(examples=["10"])
    title: Title
    outcome: Literal["refer", "review", "no_indication"]
    standing: Literal["met", "unsettled", "not_met"]
    ipc_rule: IpcRuleOut
    text: FieldTextOut
    fused: FusedOut
    conflict: Literal["rule_without_text", "text_without_rule"] | None
    additional_condition: AdditionalConditionOut
    citations: list[str]
    evidence: list[EvidenceOut] | None = Field(None, description="Absent without `explain`.")


class GivenIpcOut(BaseModel):
    """What became of the given symbols."""

    given: bool
    edition: str
    malformed: list[str]
    cpc_only: list[str]


class PeriodOut(BaseModel):
    """A period that runs from the filing date."""

    id: str = Field(examples=["first_screening"])
    months: int
    last_day: str = Field(examples=["2026-04-30"])
    free_from: str = Field(examples=["2026-05-01"])
    articles: list[str]
    text: Title


class DatesOut(BaseModel):
    """Periods, and how they are counted."""

    periods: list[PeriodOut]
    counting: Title


class ReleaseOut(BaseModel):
    """What ends the ban on filing abroad."""

    article: str
    text: Title


class ForeignFilingOut(BaseModel):
    """Whether the ban on filing abroad is indicated (Act art. 78)."""

    ban: Literal["indicated", "unsettled", "not_indicated"]
    invented_in_japan: AnswerIn
    already_public: AnswerIn
    citations: list[str]
    ends_by: list[ReleaseOut]


class FilingProvenanceOut(BaseModel):
    """The edition of the order that a filing was held against, and how far it was verified."""

    taxonomy: str
    version: str
    read_as_of: str
    verification: str


class FilingOut(BaseModel):
    """The verdict on one filing."""

    id: str | None
    language: Literal["en", "ja", "und"]
    verdict: Literal["refer", "review", "no_indication"]
    reasons: list[ReasonOut]
    tokens_seen: int
    tokens_total: int
    warnings: list[WarningOut]
    fields: list[FieldOut]
    ipc: GivenIpcOut
    dates: DatesOut | None
    foreign_filing: ForeignFilingOut
    uncalibrated_fields: list[str] = Field(
        description="Fields with too few examples behind their score to be met by it."
    )
    as_of: str | None
    provenance: FilingProvenanceOut


class CertificateOut(BaseModel):
    """The recall certificate that the batch falls under; figures are absent without one."""

    status: Literal["certified", "no_certificate", "void"]
    reason: str | None = Field(None, description="Why it is void or there is none.")
    target_recall: float | None = None
    confidence: float | None = None
    positives: int | None = None
    misses: int | None = None
    lower_bound: float | None = Field(None, description="Lower bound of recall.")
    needed: int | None = Field(
        None, description="Further positives, all found, that would certify the target."
    )
    calibration_set: str | None = None
    population: str | None = Field(None, description="What texts these are, in words.")
    calibration_digest: str | None = None
    date: str | None = None
    n_filings: int | None = Field(None, description="Filings of this batch.")
    n_out_of_distribution: int | None = Field(
        None, description="Filings of this batch unlike the training texts."
    )


class ProvenanceOut(BaseModel):
    """Where the results come from."""

    taxonomy: str
    order_consolidated_to: str
    law_as_of: str
    bundle_digest: str
    as_of: str | None


class ScreenOut(BaseModel):
    """The response to a screening request."""

    results: list[FilingOut]
    certificate: CertificateOut
    provenance: ProvenanceOut
    model: ModelOut
    notice: Title
