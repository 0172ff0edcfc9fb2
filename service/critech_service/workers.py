"""Several server processes on one socket, watched by uvicorn's supervisor.

A worker that dies takes its own requests with it and nothing else: connections that it had not
taken up wait in the shared socket, and another process is started in its place.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from uvicorn import Config
from uvicorn.supervisors import Multiprocess

from critech import Classifier
from critech.core_dumps import die_with_parent, forbid_core_dumps
from critech.errors import CritechError
from critech_service.app import create_app
from critech_service.settings import Settings

log = logging.getLogger("critech")
HUNG_SECONDS = 30  # a starting worker answers late where processors are few
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
        try:
            classifier = Classifier.load(self.settings.bundle, self.settings.threads)
            return create_app(self.settings, classifier)
        except (CritechError, MemoryError, OSError) as error:
            said = str(error) if isinstance(error, CritechError) else type(error).__name__
            log.error("a worker cannot start: %s", said)
            time.sleep(RETRY_SECONDS)
            sys.exit(1)


class Workers(Multiprocess):
    """uvicorn's supervisor, which at the end also stops listening itself: else clients would be
    kept waiting by a socket that nobody serves any more."""

    def terminate_all(self) -> None:
        """Close the sockets, then let the workers finish what they have."""
        for one in self.sockets:
            one.close()
        super().terminate_all()


def run_workers(
    config: partial[Config], settings: Settings, sockets: Sequence[socket.socket] | None
) -> None:
    """Serve on sockets, or where the settings say, until told to stop. SystemExit where the port
    is taken."""
    whole = config(
        WorkerApp(settings),
        factory=True,
        workers=settings.workers,
        timeout_worker_healthcheck=HUNG_SECONDS,
    )
    Workers(whole, list(sockets or [whole.bind_socket()])).run()
