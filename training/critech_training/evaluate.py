"""Evaluation of a bundle on a labelled file: the table and the JSON of ``critech evaluate``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.classifier import Classifier
from critech.errors import InputError
from critech.results import Decision
from critech.scorer import Scored
from critech.text import Language, compose_document, detect_language, is_readable
from critech_labels import Taxonomy
from critech_training.corpus import strengths as strength_matrix
from critech_training.metrics import (
    Scores,
    Slice,
    Strengths,
    compare,
    group_numbers,
    label_figures,
    summarise,
)

SUB_ITEMS = " (sub-items)"
LENGTH_BOUNDS = (64, 128, 256)
FREQUENCY_BOUNDS = (60, 100)
TEXT_FIELDS = {"id": (str, int), "text": str}
OPTIONAL_FIELDS = ("title", "language", "register", "pair_of")


@dataclass(frozen=True)
class GoldText:
    """One labelled text of a gold file; ``pair_of`` is the id of the text that it translates."""

    id: str
    title: str | None
    text: str
    labels: Mapping[str, int]
    language: str | None = None
    register: str | None = None
    pair_of: str | None = None

    @property
    def group(self) -> str:
        """What is one sample: a text and its translation."""
        return self.pair_of or self.id


def read_gold(path: Path, known_labels: Collection[str]) -> list[GoldText]:
    """Return the texts of a JSON-lines file: ``id``, ``title?``, ``text``, ``language?``,
    ``register?``, ``pair_of?`` and ``labels`` (label id to 2 or 1). Raise InputError that names
    line and field."""
    texts = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(path.name, f"is not UTF-8 (byte {error.start})") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            texts.append(_gold_text(line, f"{path.name}:{number}", known_labels))
    if not texts:
        raise InputError(path.name, "holds no texts")
    return texts


def _gold_text(line: str, where: str, known_labels: Collection[str]) -> GoldText:
    row = _row(line, where, {**TEXT_FIELDS, "labels": dict})
    for label, strength in row["labels"].items():
        if label not in known_labels:
            raise InputError(f"{where}.labels", "unknown label")
        if strength not in (1, 2):
            raise InputError(f"{where}.labels", f"strength of {label} must be 1 or 2")
    return GoldText(labels=row["labels"], **_text_parts(row))


def unlabelled_text(line: str, where: str) -> GoldText:
    """Return the text of a line of JSON, its labels left aside. Raise InputError that names the
    field under ``where``."""
    return GoldText(labels={}, **_text_parts(_row(line, where, TEXT_FIELDS)))


def _row(line: str, where: str, needed: Mapping[str, Any]) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(where, "is not JSON") from None
    if not isinstance(row, dict):
        raise InputError(where, "is not a JSON object")
    for name, kind in needed.items():
        if not isinstance(row.get(name), kind):
            raise InputError(f"{where}.{name}", "is missing or of a wrong type")
    for name in OPTIONAL_FIELDS:
        if not isinstance(row.get(name), str | None):
            raise InputError(f"{where}.{name}", "must be a string")
    if not is_readable(row["text"]):
        raise InputError(f"{where}.text", "is empty")
    return row


def _text_parts(row: Mapping[str, Any]) -> dict[str, Any]:
    optional = {name: row.get(name) for name in OPTIONAL_FIELDS}
    return {"id": str(row["id"]), "text": row["text"], **optional}


@dataclass(frozen=True)
class Scoring:
    """What a bundle makes of labelled texts: ``slices`` per taxonomy (sub-items in a slice of
    their own) with the label ids of their columns; language and length of each text."""

    slices: Mapping[str, Slice]
    labels: Mapping[str, tuple[str, ...]]
    languages: tuple[Language, ...]
    tokens: npt.NDArray[np.int64]


def score_gold(classifier: Classifier, texts: Sequence[GoldText]) -> list[Scored]:
    """Return what a bundle makes of every text, in the language it names or that of its script."""
    cleaned = [compose_document(text.title, text.text) for text in texts]
    languages = [text_language(text.language, c) for text, c in zip(texts, cleaned, strict=True)]
    return classifier.score_all(cleaned, languages)


def score_texts(classifier: Classifier, texts: Sequence[GoldText]) -> Scoring:
    """Return scores, strengths and decisions of all texts."""
    scored = score_gold(classifier, texts)
    order = classifier.bundle.labels
    whole = decided_slice(
        np.stack([one.scores for one in scored]),
        strength_matrix([text.labels for text in texts], order),
        [one.decisions for one in scored],
        [text.group for text in texts],
    )
    slices, labels = taxonomy_slices(whole, classifier.bundle.taxonomies, order)
    return Scoring(
        slices=slices,
        labels=labels,
        languages=tuple(one.language for one in scored),
        tokens=np.array([one.tokens_total for one in scored]),
    )


def decided_slice(
    scores: Scores,
    strengths: Strengths,
    decisions: Sequence[Sequence[Decision]],
    groups: Sequence[str],
) -> Slice:
    """Return the slice of scores and the decisions made from them, one row of both a text. Texts
    of one name in ``groups`` are resampled together."""
    return Slice(
        scores,
        strengths,
        np.array([[d == "assigned" for d in row] for row in decisions]),
        np.array([[d != "not_assigned" for d in row] for row in decisions]),
        group_numbers(groups),
    )


def taxonomy_slices(
    whole: Slice, taxonomies: Sequence[Taxonomy], order: Sequence[str]
) -> tuple[dict[str, Slice], dict[str, tuple[str, ...]]]:
    """Return a slice over all labels cut by taxonomy, sub-items apart, and the label ids of each
    part's columns."""
    labels = {
        name: tuple(label.id for label in taxonomy.labels if (label.parent is not None) == sub)
        for taxonomy in taxonomies
        for name, sub in ((taxonomy.id, False), (taxonomy.id + SUB_ITEMS, True))
    }
    labels = {name: ids for name, ids in labels.items() if ids}
    return {
        name: whole.columns([order.index(i) for i in ids]) for name, ids in labels.items()
    }, labels


def text_language(given: str | None, text: str) -> Language:
    """Return the language given, or the one that the script tells."""
    if given == "en":
        return "en"
    return "ja" if given == "ja" else detect_language(text)


def report_of(
    scoring: Scoring, texts: Sequence[GoldText], classifier: Classifier, min_positives: int = 3
) -> dict[str, Any]:
    """Return the report of scored texts: bundle, number of texts, all metrics with intervals per
    taxonomy, per subset of the texts and per label."""
    return {
        "bundle": classifier.model.as_dict(),
        "n_texts": len(texts),
        "min_positives": min_positives,
        "taxonomies": summaries(scoring.slices, min_positives),
        "subsets": {
            kind: {
                name: summaries({t: s.take(rows) for t, s in scoring.slices.items()}, min_positives)
                for name, rows in parts.items()
            }
            for kind, parts in subsets(scoring, texts).items()
        },
        "label_frequency": by_label_frequency(
            scoring, classifier.bundle.manifest["training"]["positives"], min_positives
        ),
        "labels": {
            name: label_figures(s, scoring.labels[name]) for name, s in scoring.slices.items()
        },
    }


def summaries(found: Mapping[str, Slice], min_positives: int = 3) -> dict[str, Any]:
    """Return the metrics of every slice with their intervals, by name."""
    return {name: summarise(data, min_positives) for name, data in found.items()}


def subsets(
    scoring: Scoring, texts: Sequence[GoldText]
) -> dict[str, dict[str, npt.NDArray[np.int64]]]:
    """Return the rows of the texts by language, register and length; a kind of subset with a
    single member is left out, since it repeats the whole."""
    lengths = [_length_name(int(n)) for n in scoring.tokens]
    keys: dict[str, list[str]] = {
        "language": list(scoring.languages),
        "register": [text.register or "not given" for text in texts],
        "length": lengths,
    }
    out: dict[str, dict[str, npt.NDArray[np.int64]]] = {}
    for kind, names in keys.items():
        found = {
            name: np.flatnonzero([n == name for n in names]) for name in _in_order(kind, names)
        }
        if len(found) > 1:
            out[kind] = found
    return out


def _length_name(tokens: int) -> str:
    low = 0
    for high in LENGTH_BOUNDS:
        if tokens < high:
            return f"{low} to {high - 1} tokens"
        low = high
    return f"{low} tokens or more"


def _in_order(kind: str, names: Sequence[str]) -> list[str]:
    found = set(names)
    if kind != "length":
        return sorted(found)
    return [name for name in (_length_name(low) for low in (0, *LENGTH_BOUNDS)) if name in found]


def by_label_frequency(
    scoring: Scoring, positives: Mapping[str, Mapping[str, int]], min_positives: int
) -> dict[str, Any]:
    """Return the metrics over labels with few, some and many positives in the training corpus."""
    out: dict[str, Any] = {}
    low = 0
    for high in (*FREQUENCY_BOUNDS, None):
        name = f"{low} to {high - 1} positives" if high else f"{low} positives or more"
        parts = {}
        for taxonomy, data in scoring.slices.items():
            chosen = [
                j
                for j, label in enumerate(scoring.labels[taxonomy])
                if low <= sum(positives.get(label, {}).values()) < (high or np.inf)
            ]
            if chosen:
                parts[taxonomy] = summarise(data.columns(chosen), min_positives)
        if parts:
            out[name] = parts
        low = high or low
    return out


def compare_bundles(scoring: Scoring, other: Scoring, min_positives: int = 3) -> dict[str, Any]:
    """Return per taxonomy the paired differences ``scoring`` less ``other`` on the same texts.
    Taxonomies whose labels differ between the two are left out."""
    return {
        name: compare(data, other.slices[name], min_positives)
        for name, data in scoring.slices.items()
        if other.labels.get(name) == scoring.labels[name]
    }


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


def table_rows(taxonomies: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a table of taxonomies, each figure with its 95 % interval."""
    header = ["taxonomy", "labels scored", "positives", *(title for title, _ in COLUMNS)]
    rows = []
    for name, part in taxonomies.items():
        cells = [metric_cell(part["metrics"][key]) for _, key in COLUMNS]
        rows.append(
            [
                name,
                f"{part['n_labels_scored']} of {part['n_labels']}",
                str(part["n_positives"]),
                *cells,
            ]
        )
    return header, rows


def metric_cell(metric: Mapping[str, float | None]) -> str:
    """Return a metric with its interval as text, ``-`` where it is undefined."""
    if metric["value"] is None:
        return "-"
    return f"{metric['value']:.2f} [{metric['low']:.2f}, {metric['high']:.2f}]"


def compared_rows(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of one table of the bundle and the baselines of a report, taxonomy by
    taxonomy, the bundle first; without a column of methods where there is no baseline."""
    header, rows = table_rows(report["taxonomies"])
    if not report.get("baselines"):
        return header, rows
    bundle = f"{report['bundle']['bundle']} {report['bundle']['version']}"
    methods = {bundle: report["taxonomies"], **report["baselines"]}
    tables = {method: table_rows(parts)[1] for method, parts in methods.items()}
    return [header[0], "method", *header[1:]], [
        [rows[i][0], method, *table[i][1:]]
        for i in range(len(rows))
        for method, table in tables.items()
    ]


def markdown_table(report: Mapping[str, Any]) -> str:
    """Return the report's table in Markdown, baselines beside the bundle."""
    header, rows = compared_rows(report)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
