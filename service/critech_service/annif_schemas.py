"""Request and response models of the Annif REST shape (Annif 1.x, its openapi/annif.yaml)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from critech_service.schemas import (
    MAX_DOCUMENTS,
    MAX_ID,
    MAX_TEXT,
    MAX_TITLE,
    READABLE,
    ModelOut,
    Title,
    WarningOut,
)

LabelLanguage = Literal["en", "ja"]
LANGUAGES: tuple[LabelLanguage, ...] = ("en", "ja")
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, json_schema_extra=READABLE)]
_EXAMPLE_TEXT = "A scramjet engine with an isolator duct and swept fuel struts."


def _absent_if_blank(value: object) -> object:
    return None if value == "" else value


OptionalLanguage = Annotated[
    LabelLanguage | None,
    BeforeValidator(_absent_if_blank),
    WithJsonSchema({"type": "string", "enum": [*LANGUAGES, ""]}),
]


class SuggestOptions(BaseModel):
    """What of the suggestions to return, as form fields or in the query."""

    limit: int = Field(
        10, ge=0, le=2**31 - 1, description="Largest number of results.", examples=[3]
    )
    threshold: float = Field(
        0.0, ge=0.0, le=1.0, description="Labels below this score are left out.", examples=[0.1]
    )
    language: OptionalLanguage = Field(
        None, description="Language of the labels; the project's when absent.", examples=["ja"]
    )


class SuggestForm(SuggestOptions):
    """The form of ``suggest``. Other fields and metadata are passed over."""

    text: Text = Field(description="Text in English or Japanese.", examples=[_EXAMPLE_TEXT])
    metadata_title: str | None = Field(
        None, max_length=MAX_TITLE, description="Title, read together with the text."
    )


class _JsonIn(BaseModel):
    model_config = ConfigDict(strict=True)


class MetadataIn(_JsonIn):
    """Metadata of a document, of which the title is read."""

    title: str | None = Field(None, max_length=MAX_TITLE, description="Read with the text.")


class AnnifDocumentIn(_JsonIn):
    """One document of a batch."""

    text: Text = Field(description="Text in English or Japanese.", examples=[_EXAMPLE_TEXT])
    document_id: str | None = Field(
        None, max_length=MAX_ID, description="Comes back as given.", examples=["doc-1"]
    )
    metadata: MetadataIn | None = None


class SuggestBatchIn(_JsonIn):
    """The body of ``suggest-batch``."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [{"documents": [{"text": _EXAMPLE_TEXT, "document_id": "doc-1"}]}]
        },
    )

    documents: list[AnnifDocumentIn] = Field(min_length=1, max_length=MAX_DOCUMENTS)


class DetectLanguageIn(_JsonIn):
    """The body of ``detect-language``."""

    text: str = Field(max_length=MAX_TEXT, examples=[_EXAMPLE_TEXT])
    languages: list[LabelLanguage] = Field(
        min_length=1, max_length=5, description="Candidate languages.", examples=[["en", "ja"]]
    )


class ApiInfoOut(BaseModel):
    """What answers."""

    title: str
    version: str = Field(examples=["0.1.0"])


class VocabularyOut(BaseModel):
    """A taxonomy as a subject vocabulary."""

    vocab_id: str = Field(examples=["jp-secret-patent-25"])
    languages: list[str] = Field(examples=[["en", "ja"]])
    size: int = Field(description="Labels, sub-items included.", examples=[25])
    loaded: bool = True


class VocabularyListOut(BaseModel):
    """All taxonomies."""

    vocabs: list[VocabularyOut]


class BackendOut(BaseModel):
    """The backend of a project."""

    backend_id: str = Field(examples=["critech"])


class ProjectOut(BaseModel):
    """One taxonomy with labels in one language."""

    project_id: str = Field(examples=["jp-secret-patent-25-en"])
    name: str
    language: LabelLanguage
    backend: BackendOut
    vocab: VocabularyOut
    vocab_language: LabelLanguage
    is_trained: bool = True
    modification_time: None = None


class ProjectListOut(BaseModel):
    """All projects."""

    projects: list[ProjectOut]


class SuggestionOut(BaseModel):
    """One label with its score."""

    uri: str = Field(examples=["urn:critech:jp-secret-patent-25:10"])
    label: str = Field(examples=["Scramjet engines and the like"])
    notation: str = Field(description="Code within the taxonomy.", examples=["10"])
    score: float = Field(ge=0, le=1, description="Calibrated probability.", examples=[0.97])


class VersionOut(BaseModel):
    """Which version of a taxonomy answered."""

    id: str = Field(examples=["jp-secret-patent-25"])
    version: str = Field(examples=["2025-01-01"])


class CritechOut(BaseModel):
    """What Annif's shape has no place for. Clients of Annif pass it over."""

    taxonomy: VersionOut
    language: Literal["en", "ja", "und"] = Field(description="Language of the text.")
    tokens_seen: int = Field(description="Tokens that reached the encoder.")
    tokens_total: int = Field(description="Tokens of the whole text.")
    warnings: list[WarningOut]
    model: ModelOut
    notice: Title


class SuggestionsOut(BaseModel):
    """Labels for one text, highest score first, sub-items among them."""

    results: list[SuggestionOut]
    critech: CritechOut


class BatchSuggestionsOut(SuggestionsOut):
    """Labels for one document of a batch."""

    document_id: str | None = Field(None, examples=["doc-1"])


class DetectedLanguageOut(BaseModel):
    """A candidate; null stands for neither English nor Japanese."""

    language: LabelLanguage | None
    score: float


class DetectedLanguagesOut(BaseModel):
    """The candidates, the one detected first."""

    results: list[DetectedLanguageOut]
