"""Evaluation of a bundle on a labelled file: the table and the JSON of ``critech evaluate``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from critech.classifier import Classifier
from critech.errors import InputError
from critech.text import Language, compose_document, detect_language
from critech_training.corpus import strengths as strength_matrix
from critech_training.metrics import Slice, summarise

SUB_ITEMS = " (sub-items)"


@dataclass(frozen=True)
class GoldText:
    """One labelled text of a gold file."""

    id: str
    title: str | None
    text: str
    labels: Mapping[str, int]
    language: str | None = None


def read_gold(path: Path, known_labels: Collection[str]) -> list[GoldText]:
    """Return the texts of a JSON-lines file: ``id``, ``title?``, ``text``, ``language?`` and
    ``labels`` (label id to 2 or 1). Raise InputError that names line and field."""
    texts = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(path.name, f"is not UTF-8 (byte {error.start})") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            texts.append(_gold_text(line, f"{path.name}:{number}", known_labels))
    if not texts:
        raise InputError(path.name, "holds no texts")
    return texts


def _gold_text(line: str, where: str, known_labels: Collection[str]) -> GoldText:
    try:
        row = json.loads(line)
    except ValueError:
        raise InputError(where, "is not JSON") from None
    if not isinstance(row, dict):
        raise InputError(where, "is not a JSON object")
    for name, kind in (("id", (str, int)), ("text", str), ("labels", dict)):
        if not isinstance(row.get(name), kind):
            raise InputError(f"{where}.{name}", "is missing or of a wrong type")
    if not any(char.isalnum() for char in row["text"]):
        raise InputError(f"{where}.text", "is empty")
    for label, strength in row["labels"].items():
        if label not in known_labels:
            raise InputError(f"{where}.labels", f"unknown label {label!r}")
        if strength not in (1, 2):
            raise InputError(f"{where}.labels", f"strength of {label} must be 1 or 2")
    return GoldText(
        str(row["id"]), row.get("title"), row["text"], row["labels"], row.get("language")
    )


def slices(classifier: Classifier, texts: Sequence[GoldText]) -> dict[str, Slice]:
    """Return scores, strengths and decisions per taxonomy; sub-items stand in a slice of their
    own."""
    cleaned = [compose_document(text.title, text.text) for text in texts]
    languages = [_language(text.language, c) for text, c in zip(texts, cleaned, strict=True)]
    scored = classifier.score_all(cleaned, languages)
    order = classifier.bundle.labels
    scores = np.stack([one.scores for one in scored])
    assigned = np.array([[d == "assigned" for d in one.decisions] for one in scored])
    possible = np.array([[d != "not_assigned" for d in one.decisions] for one in scored])
    strengths = strength_matrix([text.labels for text in texts], order)
    out = {}
    for taxonomy in classifier.bundle.taxonomies:
        for name, is_sub_item in ((taxonomy.id, False), (taxonomy.id + SUB_ITEMS, True)):
            columns = [
                order.index(label.id)
                for label in taxonomy.labels
                if (label.parent is not None) == is_sub_item
            ]
            if columns:
                out[name] = Slice(
                    scores[:, columns],
                    strengths[:, columns],
                    assigned[:, columns],
                    possible[:, columns],
                )
    return out


def _language(given: str | None, text: str) -> Language:
    if given == "en":
        return "en"
    return "ja" if given == "ja" else detect_language(text)


def evaluate(
    classifier: Classifier, texts: Sequence[GoldText], min_positives: int = 3
) -> dict[str, Any]:
    """Return the report: bundle, number of texts, and per taxonomy all metrics with intervals."""
    return {
        "bundle": classifier.model.as_dict(),
        "n_texts": len(texts),
        "taxonomies": summaries(slices(classifier, texts), min_positives),
    }


def summaries(found: Mapping[str, Slice], min_positives: int = 3) -> dict[str, Any]:
    """Return the metrics of every slice with their intervals, by name."""
    return {name: summarise(data, min_positives) for name, data in found.items()}


COLUMNS = (
    ("mAP", "mean_average_precision"),
    ("micro F1", "micro_f1"),
    ("macro F1", "macro_f1"),
    ("recall (possible)", "recall_possible"),
    ("top-1", "top_1_hit"),
    ("top-3", "top_3_hit"),
    ("ECE", "calibration_error"),
    ("ECE from 0.1", "calibration_error_from_0.1"),
)


def table_rows(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the report's table, each figure with its 95 % interval."""
    header = ["taxonomy", "labels scored", "positives", *(title for title, _ in COLUMNS)]
    rows = []
    for name, part in report["taxonomies"].items():
        cells = [_cell(part["metrics"][key]) for _, key in COLUMNS]
        rows.append(
            [
                name,
                f"{part['n_labels_scored']} of {part['n_labels']}",
                str(part["n_positives"]),
                *cells,
            ]
        )
    return header, rows


def _cell(metric: Mapping[str, float | None]) -> str:
    if metric["value"] is None:
        return "-"
    return f"{metric['value']:.2f} [{metric['low']:.2f}, {metric['high']:.2f}]"


def markdown_table(report: Mapping[str, Any]) -> str:
    """Return the report's table in Markdown."""
    header, rows = table_rows(report)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
