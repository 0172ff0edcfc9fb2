"""OWASP API2:2023 Broken Authentication.

Keys are random, hashed at rest, compared in constant time, refused in the same words whatever is
wrong with them, never taken from a URL or cookie, and guessing is slowed down. (More of it in
``test_access.py``, ``test_verifier.py`` and ``test_keyring.py``.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from keyed import Keys
from server_process import ServerProcess
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.access import verifier
from critech_service.access.records import KeyFile, split_token
from critech_service.access.scopes import need
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.settings import Settings


def test_every_route_but_health_wants_a_key(keyed: TestClient, document: dict[str, Any]) -> None:
    """Walks the document, with and without the method that a route has."""
    for path, operations in document["paths"].items():
        filled = path.replace("{", "").replace("}", "")
        for method in {*operations, "get", "head", "delete", "options"}:
            status = keyed.request(method, filled).status_code
            assert (status == 401) == (need(filled) != "open"), (method, path)


def test_wrong_keys_are_all_refused_alike(keyed: TestClient, keys: Keys) -> None:
    parts = split_token(keys.tokens["classify"])
    assert parts is not None
    other = split_token(keys.tokens["screen"])
    assert other is not None
    wrong = [
        f"ck_{parts[0]}_{other[1]}",  # the secret of another key
        f"ck_{'0' * len(parts[0])}_{parts[1]}",  # no such id
        keys.tokens["classify"][:-1],
        keys.tokens["classify"].upper(),
        "ck__",
        "",
        "' OR 1=1 --",
    ]
    answers = [keyed.get("/v1/model", headers={"X-API-Key": key}) for key in wrong]
    assert {answer.status_code for answer in answers} == {401}
    bodies = [answer.json() for answer in answers]
    assert len({body.pop("request_id") for body in bodies}) == len(wrong)  # of the server's making
    assert all(body == bodies[0] for body in bodies)
    assert all(answer.headers["www-authenticate"] for answer in answers)


def test_a_key_elsewhere_than_in_its_header_is_none(keyed: TestClient, keys: Keys) -> None:
    token = keys.tokens["all"]
    for path in (
        f"/v1/model?key={token}",
        f"/v1/model?api_key={token}",
        f"/v1/model?X-API-Key={token}",
    ):
        assert keyed.get(path).status_code == 401
    for name in ("Cookie", "X-Auth-Token", "Proxy-Authorization", "Api-Key", "X_API_Key"):
        assert keyed.get("/v1/model", headers={name: f"Bearer {token}"}).status_code == 401
    both = {"X-API-Key": token, "Authorization": f"Bearer {keys.tokens['screen']}"}
    assert keyed.get("/v1/model", headers=both).status_code == 401


def test_guessing_is_slowed_down_and_others_are_not(
    classifier: Classifier, tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three failures a minute in place of thirty; a key in use already is not held up."""
    assert verifier.FAILURES_PER_MINUTE <= 60
    monkeypatch.setattr(verifier, "FAILURES_PER_MINUTE", 3)
    path = tmp_path / "keys.json"
    update_keys(path, lambda _: KeyFile(keys=tuple(keys.records.values())))
    parts = split_token(keys.tokens["classify"])
    assert parts is not None
    guesses = [f"ck_{parts[0]}_{n:0{len(parts[1])}d}" for n in range(5)]
    with TestClient(create_app(Settings(keys_file=path), classifier)) as client:
        assert client.get("/v1/model", headers=keys.header("all")).status_code == 200
        found = [client.get("/v1/model", headers={"X-API-Key": guess}) for guess in guesses]
        assert [answer.status_code for answer in found] == [401] * 3 + [429] * 2
        assert int(found[-1].headers["retry-after"]) >= 1
        assert client.get("/v1/model", headers=keys.header("all")).status_code == 200


def test_keys_do_not_stand_in_the_file(server: ServerProcess, keys: Keys) -> None:
    kept = (server.base / "keys.json").read_text()
    for token in keys.tokens.values():
        parts = split_token(token)
        assert parts is not None
        assert parts[1] not in kept
        assert parts[1].encode() not in server.said()
