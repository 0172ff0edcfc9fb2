"""A second bundle that sees a share of what the first one answers, and whose disagreements are
counted.

It works after the answer was sent, on one thread that lets all others go first, and on no more than
there is room for; the rest is dropped and counted. A text is kept until it was classified and no
longer.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from critech import Classifier, Document
from critech.classifier import Options
from critech.results import ModelRef
from critech.screening.filing import SECTIONS, Filing
from critech.screening.screen import Screener
from critech_service.disagreements import Disagreements, Outlook, outlooks

ROOM = 64
ROOM_CHARACTERS = 2_000_000
MAX_AGAINST = 8


class Shadow:
    """The shadow bundle at work; owns its classifier. ``dropped``, ``failed``, ``waiting`` and
    ``against``, the disagreements with each bundle that answered, may be read at any time."""

    def __init__(
        self, classifier: Classifier, share: float, draw: Callable[[], float] = random.random
    ) -> None:
        self.classifier = classifier
        self.share = share
        self.dropped = 0
        self.failed = 0
        self.waiting = 0
        self.against: dict[ModelRef, Disagreements] = {}
        self._characters = 0
        self._draw = draw
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="critech-shadow")

    def chooses(self) -> bool:
        """Return whether the next document is in the sample."""
        return self._draw() < self.share

    def classify(self, document: Document, served: Mapping[str, Outlook], model: ModelRef) -> None:
        """Classify a document later, and count where it disagrees with what was served."""

        def work() -> None:
            (scored,) = self.classifier.classify([document], Options(top_k=None)).scored
            found = outlooks(self.classifier, scored)
            with self._lock:
                self._counts(model).add_document(served, found)

        self._submit(work, len(document.text))

    def screen(self, filing: Filing, as_of: dt.date | None, verdict: str, model: ModelRef) -> None:
        """Screen a filing later, and count whether the verdict is another than the one served."""

        def work() -> None:
            (found,) = Screener(self.classifier).screen([filing], False, as_of).results
            with self._lock:
                self._counts(model).add_filing(verdict, found.verdict)

        self._submit(work, sum(len(getattr(filing, name) or "") for name in SECTIONS))

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form: counts, and no word of any text."""
        with self._lock:
            return {
                "model": self.classifier.model.as_dict(),
                "share": self.share,
                "waiting": self.waiting,
                "dropped": self.dropped,
                "failed": self.failed,
                "against": [
                    {"model": model.as_dict(), **counts.as_dict()}
                    for model, counts in self.against.items()
                ],
            }

    def drain(self) -> None:
        """Return when all that waits at this moment is done."""
        self._pool.submit(int).result()

    def close(self) -> None:
        """Forget what waits and finish what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.classifier.close()

    def _submit(self, work: Callable[[], None], size: int) -> None:
        with self._lock:
            full = self.waiting >= ROOM or self._characters + size > ROOM_CHARACTERS
            if full:
                self.dropped += 1
                return
            self.waiting += 1
            self._characters += size
        self._pool.submit(self._run, work, size)

    def _run(self, work: Callable[[], None], size: int) -> None:
        try:
            work()
        except Exception:  # its message may hold text
            with self._lock:
                self.failed += 1
        finally:
            with self._lock:
                self.waiting -= 1
                self._characters -= size

    def _counts(self, model: ModelRef) -> Disagreements:
        """Return the counts against a bundle; those of the bundles longest gone are forgotten."""
        if model not in self.against:
            while len(self.against) >= MAX_AGAINST:
                del self.against[next(iter(self.against))]
            self.against[model] = Disagreements()
        return self.against[model]
