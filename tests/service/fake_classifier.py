"""A classifier whose work a test controls: a text begins and ends when the test says so."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from critech import Document
from critech.classifier import Options
from critech.encoder import EncoderConfig, Run
from critech.results import Classification, DocumentResult, ModelRef

CONFIG = EncoderConfig("", 0, 2, 512, 32, 4)


class FakeClassifier:
    """Answers at once, or, for texts that begin with ``wait``, when ``gate`` is set. ``begun`` are
    the ids of documents in the order in which their work began."""

    threads = 1
    bundle = SimpleNamespace(encoder_config=CONFIG)
    model = ModelRef("fake", "0", "sha256:0")

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun: list[str] = []
        self.first_begun = threading.Event()

    def on(self, run: Run) -> SimpleNamespace:
        def classify(documents: Sequence[Document], options: Options) -> Classification:
            return Classification(tuple(run(self._result, documents)), self.model)

        return SimpleNamespace(classify=classify)

    def classify(self, documents: Sequence[Any], _: Any = None) -> None:
        """Warm-up, and the check of a stream's options."""

    def _result(self, document: Document) -> DocumentResult:
        self.begun.append(document.id or "")
        self.first_begun.set()
        if document.text.startswith("wait"):
            assert self.gate.wait(30)
        if document.text.startswith("fail"):
            raise RuntimeError(document.text)
        return DocumentResult(document.id, "en", 1, 1, (), ())
