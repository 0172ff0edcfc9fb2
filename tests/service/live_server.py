"""A uvicorn server on a free loopback port, for clients that open sockets of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from critech import Classifier
from critech_service.app import create_app
from critech_service.settings import Settings


@contextmanager
def serving(classifier: Classifier) -> Iterator[str]:
    """Give the address of a server over this classifier, and stop it."""
    with serving_app(create_app(Settings(), classifier)) as address:
        yield address


@contextmanager
def serving_app(app: FastAPI) -> Iterator[str]:
    """Give the address of a server of this application, and stop it."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=30)
