"""Whether this process should be sent requests: checks by name, asked for anew each time."""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[], bool]


class Readiness:
    """The checks of one application. Others add theirs with one call:
    ``app.state.readiness.add("queue", lambda: not queue.saturated)``."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Add a check, or replace the one of this name."""
        self._checks[name] = check

    def checks(self) -> dict[str, bool]:
        """Return every check by name and whether it passes; one that raises does not."""
        return {name: _passes(check) for name, check in self._checks.items()}

    def ready(self) -> bool:
        """Return whether all pass. Without any check there is no reason to think so."""
        found = self.checks()
        return bool(found) and all(found.values())


def _passes(check: Check) -> bool:
    try:
        return bool(check())
    except Exception:
        return False
