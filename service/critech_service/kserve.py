"""Between the tensors of the Open Inference Protocol and documents with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Literal, cast

from critech import Classifier, Document
from critech.errors import InputError
from critech.results import NOTICE, Classification, DocumentResult, LabelResult
from critech_service.kserve_schemas import INPUTS, OUTPUTS, PER_LABEL, InferIn, TensorIn
from critech_service.schemas import MAX_DOCUMENTS, MAX_TITLE

MODEL = "critech"
BINARY = "the binary tensor extension is not supported; send the data as JSON (binary_data=False)"


def metadata(classifier: Classifier) -> dict[str, Any]:
    """Return the model's metadata; ``parameters`` are strings, since the protocol has no lists."""
    n_labels = len(classifier.bundle.labels)
    return {
        "name": MODEL,
        "versions": [classifier.model.version],
        "platform": MODEL,
        "inputs": [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in INPUTS],
        "outputs": [
            {
                "name": name,
                "datatype": datatype,
                "shape": [-1, n_labels] if name in PER_LABEL else [-1],
            }
            for name, datatype in OUTPUTS.items()
        ],
        "parameters": {
            "taxonomies": ",".join(classifier.taxonomies),
            "labels": ",".join(classifier.bundle.labels),
            **_provenance(classifier.model.digest),
        },
    }


def documents(request: InferIn) -> list[Document]:
    """Return the documents of a request. Raise InputError that names the tensor when one is
    missing, comes twice, or has another shape than its data or than ``text``."""
    tensors: dict[str, list[str]] = {}
    for i, tensor in enumerate(request.inputs):
        if tensor.name in tensors:
            raise InputError(f"inputs[{i}].name", f"{tensor.name} comes twice")
        tensors[tensor.name] = _elements(tensor, f"inputs[{i}]")
    if "text" not in tensors:
        raise InputError("inputs", "the tensor text is missing")
    texts = tensors["text"]
    for name, values in tensors.items():
        if len(values) != len(texts):
            raise InputError(
                "inputs", f"{name} has {len(values)} elements, expected {len(texts)} as in text"
            )
    titles = tensors.get("title", [""] * len(texts))
    languages = tensors.get("language", [""] * len(texts))
    return [
        Document(text, title=_title(title, i) or None, language=_language(language, i))
        for i, (text, title, language) in enumerate(zip(texts, titles, languages, strict=True))
    ]


def _elements(tensor: TensorIn, field: str) -> list[str]:
    if "binary_data_size" in tensor.parameters:
        raise InputError(field, BINARY)
    if tensor.data is None:
        raise InputError(f"{field}.data", "is missing")
    if prod(tensor.shape) != len(tensor.data) or tensor.shape[1:] not in ([], [1]):
        raise InputError(
            f"{field}.shape", f"expected [{len(tensor.data)}], the number of elements in data"
        )
    if not tensor.data:
        raise InputError(f"{field}.data", f"expected 1 to {MAX_DOCUMENTS} elements, got none")
    return tensor.data


def _title(title: str, index: int) -> str:
    if len(title) > MAX_TITLE:
        raise InputError(
            f"title[{index}]", f"should have at most {MAX_TITLE} characters", MAX_TITLE
        )
    return title


def _language(language: str, index: int) -> Literal["en", "ja"] | None:
    if language not in ("en", "ja", ""):
        raise InputError(f"language[{index}]", "should be 'en', 'ja' or blank")
    return cast(Literal["en", "ja"] | None, language or None)


def taxonomy(request: InferIn) -> tuple[str, ...] | None:
    """Return the taxonomy that a request selects, None for all of them."""
    selected = request.parameters.get("taxonomy")
    if selected is None:
        return None
    if not isinstance(selected, str):
        raise InputError("parameters.taxonomy", "should be a taxonomy id")
    return (selected,)


def response(request: InferIn, found: Classification, label_order: Sequence[str]) -> dict[str, Any]:
    """Return the protocol's response: the tensors asked for, their columns in label order."""
    asked: list[str] = [output.name for output in request.outputs or ()]
    rows = [_row(result, label_order) for result in found.results]
    return {
        "model_name": MODEL,
        "model_version": found.model.version,
        **({} if request.id is None else {"id": request.id}),
        "parameters": {
            "taxonomies": ",".join(one.id for one in found.results[0].taxonomies),
            **_provenance(found.model.digest),
        },
        "outputs": [_tensor(name, [row[name] for row in rows]) for name in asked or OUTPUTS],
    }


def _row(result: DocumentResult, label_order: Sequence[str]) -> dict[str, list[float | int | str]]:
    """Return what each output tensor holds for one document."""
    by_id: dict[str, LabelResult] = {
        f"{one.id}:{label.code}": label for one in result.taxonomies for label in one.all_labels()
    }
    labels = [by_id[label_id] for label_id in label_order if label_id in by_id]
    return {
        "scores": [label.score for label in labels],
        "decisions": [label.decision for label in labels],
        "tokens_seen": [result.tokens_seen],
        "tokens_total": [result.tokens_total],
        "warnings": [",".join(warning.code for warning in result.warnings)],
    }


def _tensor(name: str, rows: Sequence[list[float | int | str]]) -> dict[str, Any]:
    shape = [len(rows), len(rows[0])] if name in PER_LABEL else [len(rows)]
    data = [value for row in rows for value in row]
    return {"name": name, "datatype": OUTPUTS[name], "shape": shape, "data": data}


def _provenance(digest: str) -> dict[str, str]:
    return {"digest": digest, "notice": NOTICE["en"], "notice_ja": NOTICE["ja"]}
