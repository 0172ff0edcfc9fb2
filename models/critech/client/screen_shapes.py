"""The answer of ``/v1/screen`` as it stands in JSON, typed."""

from typing import Literal, NotRequired, TypedDict

from critech.client.shapes import Answer, Decision, Evidence, LanguageOut, Model, Title, Warned

Verdict = Literal["refer", "review", "no_indication"]
CertificateStatus = Literal["certified", "no_certificate"]


class Reason(TypedDict):
    """Why a verdict is what it is; ``field`` None concerns the filing as a whole."""

    code: str
    field: str | None
    message: Title


class TopicLimit(TypedDict):
    """The topic that an item is limited to."""

    en: str
    ja: str
    state: Literal["met", "unmet", "unsettled"]


class IpcRule(TypedDict):
    """How the given symbols meet the items of a field."""

    met: Literal["exact", "subgroup", "other_edition", "coarse", "none", "not_given"]
    items: list[int]
    symbols: list[str]
    edition: str
    topic_limit: TopicLimit | None


class FieldCertificate(TypedDict):
    """The recall certificate of a field's cut-off on text."""

    status: CertificateStatus
    positives: int
    misses: int
    lower_bound: float
    needed: int


class FieldText(TypedDict):
    """What the text says of a field."""

    score: float
    decision: Decision
    calibrated: bool
    cutoff: float
    section: str
    certificate: FieldCertificate | None


class Fused(TypedDict):
    """Rule and text in one probability."""

    probability: float | None
    basis: Literal["rule_and_text", "text_only"]
    rule: str


class AdditionalCondition(TypedDict):
    """The additional condition of fields 10 to 19."""

    required: bool
    state: Literal["not_required", "met", "not_met", "unknown"]
    waiver: Literal["none", "met", "unsettled"]
    basis: list[str]
    waived_by: list[str]


class FieldAnswer(TypedDict):
    """One of the 25 fields for which rule or text speaks."""

    code: str
    title: Title
    outcome: Verdict
    standing: Literal["met", "unsettled", "not_met"]
    ipc_rule: IpcRule
    text: FieldText
    fused: Fused
    conflict: Literal["rule_without_text", "text_without_rule"] | None
    additional_condition: AdditionalCondition
    citations: list[str]
    evidence: NotRequired[list[Evidence]]


class GivenIpc(TypedDict):
    """What became of the given symbols."""

    given: bool
    edition: str
    malformed: list[str]
    cpc_only: list[str]


class Period(TypedDict):
    """A period that runs from the filing date; days are YYYY-MM-DD."""

    id: str
    months: int
    last_day: str
    free_from: str
    articles: list[str]
    text: Title


class Dates(TypedDict):
    """Periods, and how they are counted."""

    periods: list[Period]
    counting: Title


class Release(TypedDict):
    """What ends the ban on filing abroad."""

    article: str
    text: Title


class ForeignFiling(TypedDict):
    """Whether the ban on filing abroad is indicated."""

    ban: Literal["indicated", "unsettled", "not_indicated"]
    invented_in_japan: Answer
    already_public: Answer
    citations: list[str]
    ends_by: list[Release]


class FilingProvenance(TypedDict):
    """The edition of the order that a filing was held against."""

    taxonomy: str
    version: str
    read_as_of: str
    verification: str


class FilingAnswer(TypedDict):
    """The verdict on one filing."""

    id: str | None
    language: LanguageOut
    verdict: Verdict
    reasons: list[Reason]
    tokens_seen: int
    tokens_total: int
    warnings: list[Warned]
    fields: list[FieldAnswer]
    ipc: GivenIpc
    dates: Dates | None
    foreign_filing: ForeignFiling
    uncalibrated_fields: list[str]
    as_of: str | None
    provenance: FilingProvenance


class Provenance(TypedDict):
    """Where the results come from."""

    taxonomy: str
    order_consolidated_to: str
    law_as_of: str
    bundle_digest: str
    as_of: str | None


class BatchCertificate(TypedDict):
    """The recall certificate that the filings fall under; figures are absent without one."""

    status: Literal["certified", "no_certificate", "void"]
    reason: NotRequired[str]
    target_recall: NotRequired[float]
    confidence: NotRequired[float]
    positives: NotRequired[int]
    misses: NotRequired[int]
    lower_bound: NotRequired[float]
    needed: NotRequired[int]
    calibration_set: NotRequired[str]
    population: NotRequired[str]
    calibration_digest: NotRequired[str]
    date: NotRequired[str]
    n_filings: NotRequired[int]
    n_out_of_distribution: NotRequired[int]


class ScreenAnswer(TypedDict):
    """The answer of ``/v1/screen``."""

    results: list[FilingAnswer]
    certificate: BatchCertificate
    provenance: Provenance
    model: Model
    notice: Title
