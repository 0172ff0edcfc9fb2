"""A classifier that costs nothing, and what it takes to run a batch with it.

Results depend on the text alone, by its digest, as those of a real one do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from critech import Document
from critech.batch.budget import Budget
from critech.batch.disk import Disk
from critech.batch.formats import FormatName, Layout, output_format
from critech.batch.records import Position, Record, Rejected
from critech.batch.rows import RowOptions
from critech.batch.run import Job, Run
from critech.batch.watching import Watcher
from critech.batch.workers import ThreadWorkers
from critech.classifier import Options
from critech.results import (
    Classification,
    DocumentResult,
    LabelResult,
    ModelRef,
    TaxonomyResult,
    TextWarning,
)

LABELS = tuple(f"t{i}:{code}" for i in (1, 2) for code in ("01", "02", "03"))
TITLES = {label: (f"Title {label}", f"題名 {label}") for label in LABELS}
DIGEST = "sha256:stub"


class StubClassifier:
    """Scores from the digest of title and text. A text that holds ``fail`` raises an error whose
    message is the text. ``seen`` are the texts it was given."""

    model = ModelRef("stub", "0", DIGEST)
    bundle = SimpleNamespace(labels=LABELS, taxonomies=())

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on(self, _: object) -> StubClassifier:
        return self

    def classify(self, documents: Sequence[Document], _: Options | None = None) -> Classification:
        found = [self._result(document) for document in documents]
        return Classification(
            tuple(result for result, _ in found), self.model, tuple(scored for _, scored in found)
        )

    def _result(self, document: Document) -> tuple[DocumentResult, Any]:
        self.seen.append(document.text)
        if "fail" in document.text:
            raise ValueError(document.text)
        digest = hashlib.sha256(f"{document.title}\n{document.text}".encode()).digest()
        labels = [
            LabelResult(label, {"en": label}, round(value / 255, 6), _decision(value), True)
            for label, value in zip(LABELS, digest, strict=False)
        ]
        taxonomies = tuple(
            TaxonomyResult(
                f"t{i}",
                "1",
                tuple(_coded(one) for one in labels if one.code.startswith(f"t{i}")),
            )
            for i in (1, 2)
        )
        warnings = (TextWarning("short_text", "short"),) if digest[9] > 200 else ()
        n = len(document.text)
        result = DocumentResult(document.id, "en", n, n, warnings, taxonomies)
        return result, SimpleNamespace(decisions=[one.decision for one in labels])


def _decision(value: int) -> Any:
    return "assigned" if value > 220 else "possible" if value > 190 else "not_assigned"


def _coded(label: LabelResult) -> LabelResult:
    code = label.code.partition(":")[2]
    return LabelResult(code, label.title, label.score, label.decision, True)


def items(n: int = 60) -> list[Record | Rejected]:
    """Return items of two sources: every ninth is rejected, every seventh repeats a text."""
    return [_item(i, "a.jsonl" if i < n // 2 else "b.jsonl") for i in range(n)]


def _item(i: int, source: str) -> Record | Rejected:
    position = Position(source, i, i + 1)
    if i % 9 == 4:
        return Rejected(position, "not_json", "is not JSON", None)
    text = "a repeated text" if i % 7 == 3 else f'text number {i} of Ünïted, "quoted"\nlines'
    return Record(position, text, id=f"D-{i}", title=f"第{i % 5}" if i % 7 != 3 else None)


def job(folder: Path, name: FormatName = "jsonl", layout: Layout = "nested", **more: Any) -> Job:
    """Return a job whose output lies in a folder, shards of five items."""
    out = folder / f"out.{name}"
    given = {
        "out": out,
        "form": output_format(name, layout, TITLES),
        "settings": {"bundle": DIGEST, "format": name, "layout": layout},
        "quarantine": folder / f"out.{name}.quarantine.jsonl",
        "keep_quarantine": False,
        "budget": Budget.of(64),
        "shard_rows": 5,
    }
    return Job(**{**given, **more})


def run(
    job: Job,
    given: Iterable[Record | Rejected] | Iterator[Record | Rejected],
    classifier: StubClassifier | None = None,
    disk: Disk | None = None,
    stopped: Callable[[], bool] = lambda: False,
    watcher: Watcher | None = None,
) -> Run:
    """Run a job to its end and return the run."""
    workers = ThreadWorkers(classifier or StubClassifier(), RowOptions(), 2)  # type: ignore[arg-type]
    try:
        one = Run(job, workers, watcher or Watcher(), stopped, disk)
        one.complete = one.to_end(given)  # type: ignore[attr-defined]
        return one
    finally:
        workers.close()
