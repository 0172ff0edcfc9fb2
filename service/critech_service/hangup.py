"""SIGHUP: read the bundle again. By default that signal would end the process."""

from __future__ import annotations

import signal

from fastapi import FastAPI

from critech_service.reloading import Reloader


def ignore_hangup() -> None:
    """Do nothing at SIGHUP, as long as there is nothing to reload."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def reload_on_hangup(app: FastAPI) -> None:
    """Reload the application's bundle at SIGHUP. To be called in the main thread of its process."""

    def reload(*_: object) -> None:
        reloader: Reloader | None = getattr(app.state, "reloader", None)
        if reloader is not None:  # None before the service is ready
            reloader.reload_in_background()

    signal.signal(signal.SIGHUP, reload)
