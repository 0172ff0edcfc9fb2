"""One real server with keys for all of these files, and the applications that need no server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from keyed import MAX_BYTES, RECEIVE_SECONDS, Keys
from server_process import ServerProcess, running
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.settings import Settings


@pytest.fixture(scope="session")
def keys() -> Keys:
    made = {scope.value: new_key(scope.value, (scope,)) for scope in Scope}
    made["all"] = new_key("all", tuple(Scope))
    return Keys({n: token for n, (_, token) in made.items()}, {n: r for n, (r, _) in made.items()})


@pytest.fixture(scope="session")
def keyed(
    keys: Keys, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A client of an application with keys, in this process."""
    path = tmp_path_factory.mktemp("owasp-keys") / "keys.json"
    update_keys(path, lambda _: KeyFile(keys=tuple(keys.records.values())))
    with TestClient(create_app(Settings(keys_file=path), classifier)) as client:
        yield client


@pytest.fixture(scope="session")
def server(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real server with keys, a small limit of bytes and little patience."""
    base = tmp_path_factory.mktemp("owasp")
    update_keys(base / "keys.json", lambda _: KeyFile(keys=tuple(keys.records.values())))
    env = {
        "CRITECH_KEYS_FILE": str(base / "keys.json"),
        "CRITECH_MAX_BODY_BYTES": str(MAX_BYTES),
        "CRITECH_RECEIVE_SECONDS": str(RECEIVE_SECONDS),
        "CRITECH_RATE_LIMIT": "0",
        "CRITECH_LOG_LEVEL": "debug",
    }
    with running(base, env=env) as process:
        yield process


@pytest.fixture(scope="session")
def app(classifier: Classifier) -> FastAPI:
    """The application with the settings as they come."""
    return create_app(Settings(), classifier)


@pytest.fixture(scope="session")
def document(app: FastAPI) -> dict[str, Any]:
    """Its OpenAPI document."""
    return app.openapi()
