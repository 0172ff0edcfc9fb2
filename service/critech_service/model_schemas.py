"""Response models of ``GET /v1/model`` and the health routes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from critech_service.schemas import ModelOut, Title
from critech_service.screen_schemas import CertificateOut
from critech_service.taxonomy_schemas import TaxonomyRefOut


class EncoderOut(BaseModel):
    """How a text becomes chunks; lengths are in tokens."""

    prefix: str
    bos: int
    eos: int
    chunk_tokens: int
    max_chunks: int = Field(description="Chunks that are read of one text.")
    dimension: int


class FileOut(BaseModel):
    """A file of the bundle."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int


class FusionOut(BaseModel):
    """What a rule adds to the log-odds of a text."""

    offsets: dict[str, float]
    fitted_on: dict[str, Any]


class CertificateEntryOut(BaseModel):
    """Recall of one field, in one language, at its cut-off."""

    label: str
    language: str
    threshold: float | None
    positives: int
    misses: int
    lower_bound: float
    status: str
    needed: int


class WholeCertificateOut(BaseModel):
    """The recall certificate, field by field."""

    model_digest: str
    calibration_digest: str
    calibration_name: str
    population: str = Field(description="What texts these are, in words.")
    n_texts: int
    n_out_of_distribution: int
    date: str
    target_recall: float
    confidence: float
    entries: list[CertificateEntryOut]


class AnyFieldOut(BaseModel):
    """How a text is told that is near the labels of a list together: the joint log-odds are
    ``offset`` plus ``fields`` times the log-odds of any label by the scores plus ``margin`` times
    the head's margin. By language, the joint probability counts in screening from the cut-off, or
    from the flag where that is lower."""

    offset: float
    fields: float
    margin: float
    cutoffs: dict[str, float]
    cutoff_rule: str
    flags: dict[str, float] | None = Field(description="As above, where they decide.")


class LabelCutoffsOut(BaseModel):
    """The scores from which a label is decided; in a list with ``flags``, ``possible`` only in a
    text that is flagged. ``beside`` is the share of the best score of its list from which it is
    possible, too, in a text that is flagged, or, in a list without flags, has a label already."""

    assigned: float
    possible: float
    beside: float | None


class ScreeningModelOut(BaseModel):
    """What screening adds to the scores."""

    fusion: FusionOut | None
    cutoffs: dict[str, dict[str, float]]
    cutoff_rule: str
    any_field: AnyFieldOut | None
    certificate: WholeCertificateOut | None


class ModelDetailsOut(ModelOut):
    """The bundle in use."""

    format: int = Field(examples=[3])
    encoder: EncoderOut
    files: dict[str, FileOut]
    training: dict[str, Any] = Field(description="What the training run put down of itself.")
    metrics: dict[str, Any] = Field(description="Held-out metrics with sample sizes.")
    card: str = Field(description="The bundle's own model card, Markdown.")
    cutoffs: dict[str, dict[str, LabelCutoffsOut]] = Field(
        description="By language and label id. Screening has cut-offs of its own."
    )
    flags: dict[str, dict[str, float]] = Field(
        description="By taxonomy and language, the joint probability of all its labels from which "
        "a text has some label possible. In other lists single scores decide."
    )
    screening: ScreeningModelOut | None
    certificate: CertificateOut
    taxonomies: list[TaxonomyRefOut]
    notice: Title


class AliveOut(BaseModel):
    """The process is alive."""

    status: Literal["ok"]


class ReadyStateOut(BaseModel):
    """A text was classified with this bundle."""

    status: Literal["ready"]
    checks: dict[str, bool] = Field(description="The checks behind it, each of which passed.")
    model: ModelOut
