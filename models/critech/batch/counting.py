"""How many records there are, counted beside the work: for the time left, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

_STEP = 256
_PAUSE_SECONDS = 0.002  # lets the workers go first


class Counting:
    """Counts items on a thread of its own; ``total`` is None until it is through. Input that
    cannot be read to its end has no total: the run itself tells of that."""

    def __init__(self, items: Callable[[], Iterable[object]]) -> None:
        self._items = items
        self._total: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._count, daemon=True)

    def __enter__(self) -> Counting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def total(self) -> int | None:
        """Return the number of items once it is known."""
        return self._total

    def _count(self) -> None:
        n_items = 0
        try:
            for n_items, _ in enumerate(self._items(), 1):
                if n_items % _STEP == 0:
                    time.sleep(_PAUSE_SECONDS)
                    if self._ended.is_set():
                        return
        except Exception:  # whatever it is, the run meets it, too, and reports it
            return
        self._total = n_items
