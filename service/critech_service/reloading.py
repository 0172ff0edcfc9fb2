"""Another bundle while the service runs: read, verified and tried first, then exchanged at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from critech import Classifier
from critech.errors import CritechError
from critech.results import ModelRef
from critech_service.memory import give_back
from critech_service.serving import Serving

log = logging.getLogger("critech")


class ReloadRunningError(Exception):
    """A reload was asked for while one is under way."""


class ReloadRefusedError(Exception):
    """The bundle cannot serve; the one that served still does."""


@dataclass(frozen=True)
class Reloaded:
    """Which bundle serves now, and which served before; the same one if there was none other."""

    model: ModelRef
    previous: ModelRef

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "status": "unchanged" if self.model == self.previous else "exchanged",
            "model": self.model.as_dict(),
            "previous": self.previous.as_dict(),
        }


class Reloader:
    """Reloads the bundle, one reload at a time; counts how often it went well and how often not.

    ``load`` returns a classifier that may serve or raises CritechError.
    """

    def __init__(self, serving: Serving, load: Callable[[], Classifier]) -> None:
        self.serving = serving
        self.succeeded = 0
        self.failed = 0
        self._load = load
        self._running = threading.Lock()

    def reload(self) -> Reloaded:
        """Exchange the bundle and return which one serves now. Takes seconds, so call it in a
        worker thread. ReloadRunningError, at once, while another call is under way;
        ReloadRefusedError, which says why, when the old bundle was kept."""
        if not self._running.acquire(blocking=False):
            raise ReloadRunningError
        try:
            done = self._exchanged()
        except Exception as error:
            self.failed += 1
            # only critech's own errors are known to hold nothing but their own words
            why = str(error) if isinstance(error, CritechError) else type(error).__name__
            log.error("the bundle is kept, the new one is refused: %s", why)
            raise ReloadRefusedError(why) from None
        finally:
            give_back()  # of a bundle that was refused, or read for nothing
            self._running.release()
        self.succeeded += 1
        log.warning("bundle %s %s %s serves", done.model.bundle, done.model.version,
                    done.model.digest)  # fmt: skip
        return done

    def reload_in_background(self) -> None:
        """Reload in a thread of its own; the log says how it went."""
        threading.Thread(target=self._quietly, name="critech-reload", daemon=True).start()

    def _quietly(self) -> None:
        try:
            self.reload()
        except ReloadRunningError:
            log.warning("a reload is under way already")
        except ReloadRefusedError:
            pass  # is in the log

    def _exchanged(self) -> Reloaded:
        previous = self.serving.current.model
        new = self._load()
        model = new.model
        if model == previous:
            new.close()
        else:
            self.serving.exchange(new)
        return Reloaded(model, previous)
