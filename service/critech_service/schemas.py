"""Request and response models of the HTTP API. The field names are those of the core's JSON."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from critech_labels.taxonomy import TAXONOMY_IDS

MAX_DOCUMENTS = 64
MAX_ID = 200
MAX_TITLE = 2_000
MAX_TEXT = 500_000
MAX_SYMBOLS = 64
MAX_SYMBOL_TEXT = 200
# What the core or a lookup checks, and says in words of its own, OpenAPI is told of like this.
READABLE: dict[str, Any] = {"pattern": r"[\p{L}\p{N}]"}
TAXONOMY: dict[str, Any] = {"enum": list(TAXONOMY_IDS)}
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

EXAMPLE_EN: dict[str, Any] = {
    "id": "A-1",
    "title": "Supersonic combustion ramjet with strut injectors",
    "text": (
        "A scramjet engine comprises an inlet, an isolator duct and a combustor in which hydrogen "
        "is injected from swept struts into a supersonic air stream, the isolator keeping the "
        "shock train from moving into the inlet when heat release rises."
    ),
    "ipc": ["F02K 7/14"],
}
EXAMPLE_JA = {
    "id": "B-2",
    "title": "量子鍵配送装置",
    "text": (
        "単一光子の偏光に符号化した乱数列を光ファイバを介して送受信し、誤り率の推定と秘匿性増強に"
        "より盗聴者の知り得ない共通鍵を生成する量子鍵配送装置であって、受信側の基底選択を受動光学系"
        "で行うことを特徴とする。"
    ),
}
CLASSIFY_EXAMPLE: dict[str, Any] = {
    "documents": [EXAMPLE_EN, EXAMPLE_JA],
    "top_k": 3,
    "min_score": 0.1,
}


class Strict(BaseModel):
    """A request model: unknown fields and other types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _whole(value: object) -> object:
    """Return ``5`` for ``5.0``: JSON knows one kind of number, and both are an integer to it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)  # behind the limits, which OpenAPI loses otherwise


def _iso_date(value: object) -> object:
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        raise ValueError("expected a date as YYYY-MM-DD")
    return value


DateIn = Annotated[dt.date, BeforeValidator(_iso_date), Field(strict=False)]


class DocumentIn(Strict):
    """One text to classify."""

    id: str | None = Field(
        None, max_length=MAX_ID, description="Comes back as given.", examples=["A-1"]
    )
    title: str | None = Field(
        None, max_length=MAX_TITLE, description="Title, read together with the text."
    )
    text: str = Field(
        min_length=1,
        max_length=MAX_TEXT,
        description="Patent abstract, claim or product description, in English or Japanese.",
        json_schema_extra=READABLE,
    )
    language: Literal["en", "ja"] | None = Field(
        None, description="Language of the text; detected by script when absent."
    )
    ipc: list[Annotated[str, Field(max_length=MAX_SYMBOL_TEXT)]] | None = Field(
        None,
        max_length=MAX_SYMBOLS,
        description=(
            "IPC symbols of the filing. They are held against the Cabinet Order's items and "
            "reported on; they do not move the scores."
        ),
        examples=[["F02K 7/14"]],
    )


MinScoreIn = Annotated[
    float, Field(ge=0.0, le=1.0, description="Labels below this score are left out.")
]
ExplainIn = Annotated[
    bool, Field(description="Add evidence to every label that is possible or assigned.")
]
AsOfIn = Annotated[
    DateIn | None,
    Field(
        description="Versions of titles and IPC rules in force on this date; the newest if absent.",
        examples=["2024-06-01"],
    ),
]


class ClassifyIn(Strict):
    """A request to classify documents."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [CLASSIFY_EXAMPLE]}
    )

    documents: list[DocumentIn] = Field(
        min_length=1, max_length=MAX_DOCUMENTS, description="1 to 64 documents."
    )
    taxonomies: list[Annotated[str, Field(json_schema_extra=TAXONOMY)]] | None = Field(
        None,
        min_length=1,
        max_length=16,
        description="Taxonomy ids to answer for; all when absent.",
        examples=[["jp-secret-patent-25"]],
    )
    top_k: Annotated[int, Field(ge=1, le=1000), WHOLE] | None = Field(
        5, description="Labels per taxonomy, best first; null means all."
    )
    min_score: MinScoreIn = 0.0
    explain: ExplainIn = False
    as_of: AsOfIn = None


class Title(BaseModel):
    """A title in both languages."""

    en: str = Field(description="English title.", examples=["Scramjet engines and the like"])
    ja: str = Field(
        description="Japanese title.", examples=["スクラムジェットエンジン等に関する技術"]
    )


class SimilarOut(BaseModel):
    """A training example that a span resembles."""

    id: str
    language: str
    excerpt: str
    similarity: float = Field(description="Cosine of centred vectors, -1 to 1.")


class EvidenceOut(BaseModel):
    """A span of the text that carries a label's score."""

    section: str = Field(examples=["abstract"])
    start: int = Field(description="First code point of the span in the section as given.")
    end: int = Field(description="Code point after the span.")
    quote: str
    contribution: float = Field(description="What the score loses when the span is left out.")
    definition_phrase: str = Field(description="Phrase of the definition nearest to the span.")
    similar_examples: list[SimilarOut]


class LabelOut(BaseModel):
    """Score and decision for one label."""

    code: str = Field(description="Code within the taxonomy.", examples=["10"])
    title: Title
    score: float = Field(ge=0, le=1, description="Calibrated probability.", examples=[0.97])
    decision: Literal["assigned", "possible", "not_assigned"]
    calibrated: bool = Field(
        description="False where the label had too few held-out positives for a fit of its own."
    )
    children: list[LabelOut] = Field(description="Sub-items, best first.")
    evidence: list[EvidenceOut] | None = Field(None, description="Present with `explain`.")


class TaxonomyResultOut(BaseModel):
    """Labels of one taxonomy, best first."""

    id: str = Field(examples=["jp-secret-patent-25"])
    version: str = Field(description="First date in force.", examples=["2025-01-01"])
    in_force: bool | None = Field(
        None, description="Present with `as_of`: whether all of it was in force on that date."
    )
    labels: list[LabelOut]


class WarningOut(BaseModel):
    """Something a reader of the scores should know."""

    code: str = Field(examples=["truncated"])
    message: str


class IpcFieldOut(BaseModel):
    """A secret-patent field that the given symbols meet."""

    code: str = Field(examples=["10"])
    items: list[int] = Field(description="Items of article 12(1) of the order.", examples=[[23]])
    symbols: list[str] = Field(examples=[["F02K7/14"]])
    match: Literal["exact", "subgroup"]
    topic_limit: Title | None = Field(
        description="The field is met only as far as the text is about this topic."
    )


class IpcOut(BaseModel):
    """What the given IPC symbols meet, by the edition in force."""

    edition: str = Field(examples=["2025-01-01"])
    fields: list[IpcFieldOut]
    malformed: list[str]
    cpc_only: list[str]


class DocumentOut(BaseModel):
    """The result for one document, in input order."""

    id: str | None
    language: Literal["en", "ja", "und"]
    tokens_seen: int = Field(description="Tokens that reached the encoder.")
    tokens_total: int = Field(description="Tokens of the whole text.")
    warnings: list[WarningOut]
    taxonomies: list[TaxonomyResultOut]
    ipc: IpcOut | None = Field(None, description="Present when symbols were given.")


class ModelOut(BaseModel):
    """Which bundle answered."""

    bundle: str = Field(examples=["default"])
    version: str = Field(examples=["0.1.0"])
    digest: str = Field(description="SHA-256 of the bundle's manifest.")


class ClassifyOut(BaseModel):
    """The response to a classification request."""

    results: list[DocumentOut]
    model: ModelOut
    notice: Title


class FieldError(BaseModel):
    """One thing wrong with a request: where, and what."""

    field: str = Field(examples=["documents[0].text"])
    message: str


class Problem(BaseModel):
    """An error as RFC 9457 problem details. Input is never repeated in it."""

    type: str = Field(examples=["urn:critech:problem:invalid-request"])
    title: str
    status: int = Field(examples=[422])
    detail: str
    errors: list[FieldError]
    request_id: str | None = Field(
        None, description="That of the header X-Request-Id and of the server's log."
    )
