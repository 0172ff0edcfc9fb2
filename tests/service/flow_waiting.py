"""Waiting for what is sure to come, and a bare connection to a server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit


def until(state: Callable[[], bool]) -> None:
    """Wait for a state."""
    pause = threading.Event()
    for _ in range(30_000):
        if state():
            return
        pause.wait(0.001)
    raise AssertionError("it did not come")


def connected(address: str) -> socket.socket:
    """Return a socket to the server at an http address."""
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), 30)
