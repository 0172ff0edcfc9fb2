"""Fixtures that the tests of the service share: a ready client, a live server, a file of keys."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from key_samples import RECORD
from live_server import serving
from starlette.testclient import TestClient

from critech import Classifier
from critech.selftest import SelfTest
from critech_service.access.records import KeyFile
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.observability.logs import Stderr
from critech_service.settings import Settings


@pytest.fixture(scope="module")
def client(classifier: Classifier) -> Iterator[TestClient]:
    """A client of a service with the settings as they come; a module may have its own."""
    with TestClient(create_app(Settings(), classifier)) as ready:
        yield ready


@pytest.fixture(scope="module")
def address(classifier: Classifier) -> Iterator[str]:
    """The address of a real server on loopback."""
    with serving(classifier) as address:
        yield address


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file of keys may stand."""
    return tmp_path / "keys.json"


@pytest.fixture
def kept(path: Path) -> Path:
    """A file with one key."""
    update_keys(path, lambda _: KeyFile(keys=(RECORD,)))
    return path


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """``critech serve`` configures logging and hooks for its process, which here is the tests'."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, sys.unraisablehook)
    handlers, level = list(root.handlers), root.level
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    if any(isinstance(handler, Stderr) for handler in root.handlers):
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture
def untested(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake classifier knows no golden text: the self-test passes whatever it is given."""
    monkeypatch.setattr("critech_service.app.self_test", lambda _: SelfTest(1, 1, ()))
