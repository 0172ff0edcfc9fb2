"""Models of ``POST /v1/classify/stream``: options in the query, one JSON value on each line."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from critech.classifier import Options
from critech_service.schemas import (
    TAXONOMY,
    AsOfIn,
    DocumentOut,
    ExplainIn,
    MinScoreIn,
    ModelOut,
    Problem,
    Title,
)


def _null(value: object) -> object:
    return None if value == "null" else value


class StreamOptions(BaseModel):
    """The options of ``/v1/classify``, for all lines."""

    model_config = ConfigDict(extra="forbid")

    taxonomies: list[Annotated[str, Field(json_schema_extra=TAXONOMY)]] | None = Field(
        None,
        min_length=1,
        max_length=16,
        description="Taxonomy ids to answer for, the name repeated for each; all when absent.",
        examples=[["jp-secret-patent-25"]],
    )
    top_k: Annotated[int | None, BeforeValidator(_null)] = Field(
        5, ge=1, le=1000, description="Labels per taxonomy, best first; `null` means all."
    )
    min_score: MinScoreIn = 0.0
    explain: ExplainIn = False
    as_of: AsOfIn = None

    def as_options(self) -> Options:
        """Return the options as the core takes them."""
        return Options(
            taxonomies=None if self.taxonomies is None else tuple(self.taxonomies),
            top_k=self.top_k,
            min_score=self.min_score,
            explain=self.explain,
            as_of=self.as_of,
        )


class LineOut(BaseModel):
    """The answer to one line."""

    line: int = Field(ge=1, description="Number of the line, from 1, blank ones counted.")
    result: DocumentOut
    model: ModelOut
    notice: Title


class LineProblem(Problem):
    """The answer to a line that cannot be used, as problem details. The lines after it go on."""

    line: int = Field(ge=0, description="Number of the line; 0 for the stream as a whole.")


def answer_schema() -> dict[str, Any]:
    """Return what OpenAPI is told of a line of the answer. Its parts stand among the components
    already, for ``/v1/classify``."""
    template = "#/components/schemas/{model}"
    line, fault = (m.model_json_schema(ref_template=template) for m in (LineOut, LineProblem))
    fault["properties"]["errors"]["items"] = fault.pop("$defs")["FieldError"]
    del line["$defs"]
    return {"anyOf": [line, fault]}
