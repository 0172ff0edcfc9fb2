"""Response models of the bundle in use and of the process's health."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from critech_service.schemas import ModelOut, Title
from critech_service.screen_schemas import CertificateOut


class EncoderOut(BaseModel):
    """How a text becomes chunks, in tokens."""

    prefix: str
    bos: int
    eos: int
    chunk_tokens: int = Field(examples=[512])
    max_chunks: int = Field(description="What lies beyond is reported as not seen.")
    dimension: int


class BundleFileOut(BaseModel):
    """A file of the bundle."""

    sha256: str
    bytes: int | None = None


class EditionOut(BaseModel):
    """A taxonomy that the bundle was trained on."""

    id: str = Field(examples=["jp-secret-patent-25"])
    version: str = Field(examples=["2025-01-01"])


class ModelDetailOut(ModelOut):
    """The bundle in use."""

    format: int
    encoder: EncoderOut
    files: dict[str, BundleFileOut]
    training: dict[str, Any] = Field(description="How it was trained, as its training run says.")
    metrics: dict[str, Any] = Field(description="Held-out metrics with sample sizes.")
    screening: dict[str, Any] | None = Field(
        description="Cut-offs, fusion of rule and text, recall certificate."
    )
    certificate: CertificateOut
    taxonomies: list[EditionOut]
    notice: Title


class AliveOut(BaseModel):
    """The process is alive."""

    status: Literal["ok"]


class ReadyOut(BaseModel):
    """A text was classified with this bundle."""

    status: Literal["ready"]
    model: ModelOut
