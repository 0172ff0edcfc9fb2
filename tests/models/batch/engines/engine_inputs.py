"""What the tests of the engines share: files to read, the rows of a run on one machine, and a
classifier whose process dies once, in the middle of its work. Engines get this module by value,
since it is not installed where their workers look."""

from __future__ import annotations

import functools
import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from critech import Classification, Classifier, Document
from critech.batch.engines.bundles import load_classifier
from critech.batch.engines.job import Load
from critech.batch.engines.parts import Parts
from critech.batch.reading import read
from critech.batch.records import Rejected
from critech.batch.rows import Row, RowOptions
from critech.batch.tables import classify_items
from critech.classifier import Options
from critech.cli import main
from critech.commands.batch import EXIT_REJECTED

TEXTS = [
    "A scramjet engine with an isolator duct and {} strut injectors.",
    "単一光子検出器を{}個有する量子鍵配送装置。",
    "A drawer hinge with damper number {}.",
]
OPTIONS = RowOptions(top_k=3, screen=True)
N_ROWS = 14
BLOCK_ROWS = 4


def write_inputs(folder: Path) -> list[str]:
    """Write two files, each with one record without a text and one line that is no JSON."""
    names = []
    for name in ("a", "b"):
        lines = [
            json.dumps({"id": f"{name}-{i}", "title": "T", "abstract": TEXTS[i % 3].format(i)})
            for i in range(N_ROWS)
        ]
        lines[5] = json.dumps({"id": f"{name}-5", "abstract": None})
        lines[9] = "{"
        path = folder / f"{name}.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8")
        names.append(str(path))
    return names


def local(classifier: Classifier, inputs: list[str]) -> tuple[list[Row], list[Rejected]]:
    """Return the rows, and the rejections, of a run on one machine."""
    found = classify_items(classifier, list(read(inputs)), OPTIONS)
    rows = [one for one in found if not isinstance(one, Rejected)]
    return rows, [one for one in found if isinstance(one, Rejected)]


class Dying(Classifier):
    """Kills its process without any notice when it is to classify for the first time since the
    mark was not yet there."""

    def __init__(self, classifier: Classifier, mark: str) -> None:
        self.__dict__.update(vars(classifier))
        self.mark = mark

    def classify(
        self, documents: Iterable[Document | str], options: Options | None = None
    ) -> Classification:
        """Die, or return what the classifier gives."""
        ready = list(documents)
        if ready and not os.path.exists(self.mark):  # noqa: PTH110
            Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().classify(ready, options)


def dying(mark: Path) -> Load:
    """Return how a worker makes a classifier that dies once."""
    return functools.partial(_load_dying, str(mark))


def _load_dying(mark: str, bundle: str | None, threads: int) -> Classifier:
    return Dying(load_classifier(bundle, threads), mark)


def places(rows: Iterable[Row | Rejected]) -> list[tuple[Any, Any]]:
    """Return where rows stand."""
    return [
        (one.position.source, one.position.record)
        if isinstance(one, Rejected)
        else (one["source"], one["record"])
        for one in rows
    ]


def check_the_command(folder: Path, *engine: str) -> None:
    """Compare ``critech batch`` with an engine and without, and run the former twice."""
    inputs, line = write_inputs(folder), ["--screen", "--top-k", "3", "--quiet"]
    here, there = folder / "here.parquet", folder / "there"
    assert main(["batch", *inputs, "-o", str(here), *line]) == EXIT_REJECTED
    for _ in range(2):
        assert main(["batch", *inputs, "-o", str(there), *line, *engine]) == EXIT_REJECTED
        found = Parts(str(there))
        assert found.tables().equals(pq.read_table(here))
        assert found.tables(rejected=True).num_rows == 2 * 2
