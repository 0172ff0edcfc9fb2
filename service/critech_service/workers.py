"""Several server processes on one socket, watched by uvicorn's supervisor.

A worker that dies takes its own requests with it and nothing else: connections that it had not
taken up wait in the shared socket, and another process is started in its place.

The supervisor takes a worker for hung that does not answer soon, and one that is still importing
does not: so this module imports what is heavy on use only, when the worker answers already.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from uvicorn import Config
from uvicorn.supervisors import Multiprocess

from critech.core_dumps import die_with_parent, forbid_core_dumps
from critech.errors import CritechError
from critech_service.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger("critech")
HUNG_SECONDS = 60  # processors may be few, and busy
RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class WorkerApp:
    """Makes the application within a worker; the supervisor hands it over by pickling."""

    settings: Settings

    def __call__(self) -> FastAPI:
        """Return the application. A worker that cannot start ends with 1 after a moment: it is
        tried again, while the others go on. (uvicorn's own code for it would end them all.)"""
        forbid_core_dumps()
        die_with_parent(signal.SIGTERM)
        from critech_service.hangup import ignore_hangup, reload_on_hangup

        ignore_hangup()
        from critech_service.app import create_app
        from critech_service.loading import load_classifier, load_shadow
        from critech_service.observability.logs import start_logging
        from critech_service.serving import Serving

        start_logging(self.settings.log_format, self.settings.log_level)
        try:
            serving = Serving(load_classifier(self.settings))
            app = create_app(self.settings, serving, load_shadow(self.settings))
            reload_on_hangup(app)
            return app
        except (CritechError, MemoryError, OSError) as error:
            said = str(error) if isinstance(error, CritechError) else type(error).__name__
            log.error("a worker cannot start: %s", said)
            time.sleep(RETRY_SECONDS)
            sys.exit(1)


class Workers(Multiprocess):
    """uvicorn's supervisor with two amends, of which each says what it is for."""

    def keep_subprocess_alive(self) -> None:
        """Give up the workers' own ends of their pipes first: else a worker that dies before it has
        answered a ping is waited for as long as a hung one."""
        for process in self.processes:
            process.child_conn.close()
        super().keep_subprocess_alive()

    def handle_hup(self) -> None:
        """Hand SIGHUP on: every worker reads the bundle again, and keeps serving meanwhile."""
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)

    def terminate_all(self) -> None:
        """Close the sockets first: else clients are kept waiting by one that nobody serves."""
        for one in self.sockets:
            one.close()
        super().terminate_all()


def workers_config(config: partial[Config], settings: Settings) -> Config:
    """Return what the supervisor and the workers go by."""
    return config(
        WorkerApp(settings),
        factory=True,
        workers=settings.workers,
        timeout_worker_healthcheck=HUNG_SECONDS,
    )


def run_workers(config: Config, sockets: Sequence[socket.socket] | None) -> None:
    """Serve on sockets, or where the configuration says, until told to stop. SystemExit where the
    port is taken."""
    Workers(config, list(sockets or [config.bind_socket()])).run()
