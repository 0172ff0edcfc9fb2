"""Request and response models of the Open Inference Protocol (KServe V2) over REST."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from critech_service.schemas import MAX_DOCUMENTS, MAX_ID, MAX_TEXT, TAXONOMY, WHOLE

INPUTS = ("text", "title", "language")
OUTPUTS = {
    "scores": "FP32",
    "decisions": "BYTES",
    "tokens_seen": "INT64",
    "tokens_total": "INT64",
    "warnings": "BYTES",
}
PER_LABEL = ("scores", "decisions")
EXAMPLE: dict[str, Any] = {
    "id": "42",
    "parameters": {"taxonomy": "jp-secret-patent-25"},
    "inputs": [
        {
            "name": "text",
            "shape": [2],
            "datatype": "BYTES",
            "data": ["A scramjet engine with an isolator duct.", "量子鍵配送装置"],
        }
    ],
    "outputs": [{"name": "scores"}, {"name": "decisions"}],
}


class _In(BaseModel):
    model_config = ConfigDict(strict=True)


def _flat(data: object) -> object:
    """Return ``[["a"], ["b"]]`` as ``["a", "b"]``: both are row-major forms of a tensor [n, 1]."""
    if isinstance(data, list) and all(isinstance(row, list) and len(row) == 1 for row in data):
        return [row[0] for row in data]
    return data


Elements = Annotated[
    list[Annotated[str, Field(max_length=MAX_TEXT)]], Field(max_length=MAX_DOCUMENTS)
]
_STRINGS = {"type": "array", "items": {"type": "string", "maxLength": MAX_TEXT}, "minItems": 1}
_ROWS = {"type": "array", "items": {**_STRINGS, "maxItems": 1}, "minItems": 1}
DATA = {"anyOf": [{**_STRINGS, "maxItems": MAX_DOCUMENTS}, {**_ROWS, "maxItems": MAX_DOCUMENTS}]}


def _needed(schema: dict[str, Any]) -> None:
    """Say that ``data`` must be there: it is looked for in code, which knows of binary data."""
    schema["required"].append("data")
    del schema["properties"]["data"]["default"]


class TensorIn(_In):
    """An input tensor of text, one element for each document."""

    model_config = ConfigDict(strict=True, json_schema_extra=_needed)

    name: Literal["text", "title", "language"] = Field(
        description="`text` is needed; `title` and `language` (en, ja or blank) may be left out."
    )
    shape: list[Annotated[int, Field(ge=0, le=2**63 - 1), WHOLE]] = Field(
        min_length=1, max_length=2, description="`[n]` or `[n, 1]`.", examples=[[2]]
    )
    datatype: Literal["BYTES"]
    parameters: dict[str, Any] = Field(
        {},
        description="None is known; there are no binary tensors.",
        json_schema_extra={"not": {"required": ["binary_data_size"]}},
    )
    data: Annotated[Elements | None, BeforeValidator(_flat), WithJsonSchema(DATA)] = Field(
        None, description="The elements as strings; needed."
    )


class OutputIn(_In):
    """A tensor asked for."""

    name: Literal["scores", "decisions", "tokens_seen", "tokens_total", "warnings"]
    parameters: dict[str, Any] = Field({}, description="None is known.")


class InferIn(_In):
    """An inference request. What extensions of the protocol add is passed over."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [EXAMPLE]})

    id: str | None = Field(None, max_length=MAX_ID, description="Comes back as given.")
    parameters: dict[str, Any] = Field(
        {},
        description="`taxonomy` selects one taxonomy; all when absent or null.",
        json_schema_extra={"properties": {"taxonomy": {"enum": [*TAXONOMY["enum"], None]}}},
    )
    inputs: list[TensorIn] = Field(min_length=1, max_length=len(INPUTS))
    outputs: list[OutputIn] | None = Field(
        None, max_length=len(OUTPUTS), description="All outputs when absent or empty."
    )


class ServerOut(BaseModel):
    """What answers."""

    name: str = Field(examples=["critech"])
    version: str = Field(examples=["0.1.0"])
    extensions: list[str]


class LiveOut(BaseModel):
    """The process is alive."""

    live: bool


class ReadyOut(BaseModel):
    """Whether the bundle is loaded."""

    ready: bool


class ModelReadyOut(ReadyOut):
    """Whether the model can classify."""

    name: str = Field(examples=["critech"])


class TensorMetadataOut(BaseModel):
    """Name, type and shape of a tensor; -1 stands for the number of documents."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadataOut(BaseModel):
    """The model: its tensors, and what the columns of its outputs are."""

    name: str = Field(examples=["critech"])
    versions: list[str]
    platform: str
    inputs: list[TensorMetadataOut]
    outputs: list[TensorMetadataOut]
    parameters: dict[str, str] = Field(
        description=(
            "`labels`: the label ids of the columns, with commas between them. With a taxonomy "
            "selected the columns are those whose id starts with the taxonomy's. `taxonomies`, "
            "`digest` and the notice."
        )
    )


class TensorOut(TensorMetadataOut):
    """An output tensor, row-major."""

    data: list[float | int | str]


class InferOut(BaseModel):
    """An inference response."""

    model_name: str
    model_version: str
    id: str | None = Field(None, description="Present when the request had one.")
    parameters: dict[str, str]
    outputs: list[TensorOut]


class ErrorOut(BaseModel):
    """An error. Input is never repeated in it."""

    error: str = Field(examples=["inputs[0].datatype: Input should be 'BYTES'"])
