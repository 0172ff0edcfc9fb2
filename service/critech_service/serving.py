"""The classifier that answers, which can be exchanged while requests are under way.

A request takes a lease on the classifier that is current when it first asks, and keeps that one to
its end. A classifier that was exchanged is closed, and its memory given back, when its last lease
ends.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from critech import Classifier
from critech_service.memory import give_back


@dataclass
class _Held:
    classifier: Classifier
    owned: bool
    leases: int = 0


class Serving:
    """Holds the current classifier. Any thread may call anything.

    One that is not ``owned`` stays its maker's to close.
    """

    def __init__(self, classifier: Classifier, owned: bool = True) -> None:
        self._lock = threading.Lock()
        self._current = _Held(classifier, owned)
        self._closed = False

    @property
    def current(self) -> Classifier:
        """The classifier that new requests get. Who works with it takes a lease instead."""
        return self._current.classifier

    def lease(self) -> Lease:
        """Return a lease on the current classifier, which must be released."""
        with self._lock:
            held = self._current
            held.leases += 1
        return Lease(self, held)

    def exchange(self, classifier: Classifier) -> None:
        """Make another classifier the current one, from here on owned by this."""
        new = _Held(classifier, owned=True)
        with self._lock:
            if self._closed:
                old = new
            else:
                old, self._current = self._current, new
            idle = old.leases == 0
        if idle:
            self._retire(old)

    def close(self) -> None:
        """Close the current classifier; its running documents are finished first."""
        with self._lock:
            self._closed = True
        if self._current.owned:
            self._current.classifier.close()

    def _release(self, held: _Held) -> None:
        with self._lock:
            held.leases -= 1
            idle = held.leases == 0 and held is not self._current
        if idle:
            self._retire(held)

    @staticmethod
    def _retire(held: _Held) -> None:
        if held.owned:  # in a thread, since its own threads may still be at abandoned work
            threading.Thread(target=_close, args=(held,), name="critech-retire").start()


def _close(held: _Held) -> None:
    held.classifier.close()
    del held.classifier
    give_back()


class Lease:
    """The right to use one classifier."""

    def __init__(self, serving: Serving, held: _Held) -> None:
        self._serving = serving
        self._held: _Held | None = held
        self.classifier = held.classifier

    def __enter__(self) -> Classifier:
        return self.classifier

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the right back; a second time does nothing."""
        held, self._held = self._held, None
        if held is not None:
            del self.classifier
            self._serving._release(held)
