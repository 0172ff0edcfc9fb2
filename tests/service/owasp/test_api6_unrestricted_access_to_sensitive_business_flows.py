"""OWASP API6:2023 Unrestricted Access to Sensitive Business Flows.

The flow worth protecting is screening: an author who may ask often can rewrite a filing until the
verdict changes. Screening has a scope of its own, limits for each key, and an audit log in which
asking again and again shows; no request can decide, publish or clear anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keyed import Keys
from pydantic import SecretStr
from starlette.testclient import TestClient

from critech import Classifier
from critech_service.access.records import KeyFile
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.settings import CONCURRENCY_LIMIT, RATE_LIMIT, Settings

FILING = {"id": "A-1", "title": "A hinge", "abstract": "A hinge with a damper for a drawer."}


def audited(classifier: Classifier, folder: Path, keys: Keys, **more: Any) -> TestClient:
    update_keys(folder / "keys.json", lambda _: KeyFile(keys=tuple(keys.records.values())))
    settings = Settings(
        keys_file=folder / "keys.json",
        audit_log=folder / "audit.jsonl",
        audit_hmac_key=SecretStr("x" * 32),
        **more,
    )
    return TestClient(create_app(settings, classifier))


def screen(client: TestClient, keys: Keys, name: str = "screen", **changed: str) -> Any:
    body = {"filings": [{**FILING, **changed}], "explain": False}
    return client.post("/v1/screen", json=body, headers=keys.header(name))


def test_classifying_is_no_way_to_screen(keyed: TestClient, keys: Keys) -> None:
    assert screen(keyed, keys, "classify").status_code == 403
    assert screen(keyed, keys, "admin").status_code == 403


def test_asking_again_and_again_is_limited_and_shows(
    classifier: Classifier, tmp_path: Path, keys: Keys
) -> None:
    with audited(classifier, tmp_path, keys, rate_limit=3) as client:
        found = [screen(client, keys, abstract=f"A hinge, variant {n}.") for n in range(5)]
    assert [one.status_code for one in found] == [200, 200, 200, 429, 429]
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_bytes().splitlines()]
    records = [line for line in lines if line["kind"] == "screening"]
    assert len(records) == 3
    assert {one["key_id"] for one in records} == {keys.records["screen"].id}
    assert len({one["filing"]["id_hmac"] for one in records}) == 1, "the same filing"
    assert len({one["filing"]["hmac"] for one in records}) == 3, "in another wording each time"


def test_limits_are_on_where_there_are_keys(
    classifier: Classifier, tmp_path: Path, keys: Keys
) -> None:
    limits = _middleware(audited(classifier, tmp_path, keys), "Limits")
    assert limits["per_minute"] == RATE_LIMIT > 0
    assert limits["at_once"] == CONCURRENCY_LIMIT > 0


def _middleware(client: TestClient, name: str) -> dict[str, Any]:
    (found,) = [one for one in client.app.user_middleware if one.cls.__name__ == name]  # type: ignore[attr-defined]
    return dict(found.kwargs)


def test_no_request_changes_what_another_is_told(keyed: TestClient, keys: Keys) -> None:
    """No route learns, stores or decides: the same filing gets the same verdict after any other."""
    before = screen(keyed, keys).json()
    for n in range(3):
        screen(keyed, keys, abstract=f"A torpedo with a warhead, number {n}.")
    learn = "/annif/v1/projects/jp-secret-patent-25-en/learn"
    body = [{"text": "hinge", "subjects": []}]
    assert keyed.post(learn, json=body, headers=keys.header("classify")).status_code == 403
    assert screen(keyed, keys).json() == before
