"""``/v1/screen/review``: a reviewer's word in the audit log and in the corrections file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from critech import Classifier
from critech.audit_verify import verify
from critech.corrections import read_corrections
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import Settings

FILING: dict[str, Any] = {**SCREEN_EXAMPLE["filings"][0], "id": "canary-id"}
FIELD = "jp-secret-patent-25:10"
GIVEN = {"record": 2, "verdict": "review", "reason_code": "prior_art", "reviewer": "examiner.1"}


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(audit_log=folder / "audit.jsonl", audit_hmac_key=SecretStr("k" * 32), **more)


@pytest.fixture
def client(classifier: Classifier, tmp_path: Path) -> Iterator[TestClient]:
    given = settings(tmp_path, corrections_file=tmp_path / "corrections.jsonl")
    with TestClient(create_app(given, classifier)) as ready:
        yield ready


def screened(client: TestClient) -> Any:
    return client.post("/v1/screen", json={"filings": [FILING], "explain": False})


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audit.jsonl").read_bytes().splitlines()]


def test_an_answer_names_its_records(client: TestClient) -> None:
    body = {"filings": [FILING] * 3, "explain": False}
    assert client.post("/v1/screen", json=body).headers["x-audit-records"] == "2, 3, 4"
    assert screened(client).headers["x-audit-records"] == "5"


def test_a_verdict_is_overruled_accepted_and_corrected(
    client: TestClient, classifier: Classifier, tmp_path: Path
) -> None:
    assert client.get("/v1/screen/reviewing").json() == {
        "audit": True, "corrections": True, "allowed": True,
    }  # fmt: skip
    before = screened(client).json()["results"][0]["verdict"]
    judged = [
        {"label": FIELD, "judgement": "wrong"},
        {"label": "us-ecra-14:12.ii", "judgement": "right"},
    ]
    answer = client.post("/v1/screen/review", json={**GIVEN, "corrections": judged})
    assert answer.status_code == 200, answer.text
    _, screening, review = records(tmp_path)
    assert answer.json() == {
        "record": 3, "hash": review["hash"], "reviewer": "examiner.1", "corrections": 2,
    }  # fmt: skip
    assert review["of"] == {"seq": 2, "hash": screening["hash"]}
    assert (review["verdict_before"], review["verdict_after"]) == (before, "review")
    accept = {**GIVEN, "record": 2.0, "verdict": "review", "reason_code": "accepted"}
    assert client.post("/v1/screen/review", json=accept).json()["record"] == 4
    assert records(tmp_path)[3]["verdict_before"] == "review"
    assert verify([tmp_path / "audit.jsonl"]).findings == []
    path = tmp_path / "corrections.jsonl"
    kept = read_corrections(path, frozenset(classifier.bundle.labels))
    assert [(one.label, one.judgement, one.hmac) for one in kept] == [
        (one["label"], one["judgement"], screening["filing"]["hmac"]) for one in judged
    ]
    assert path.stat().st_mode & 0o077 == 0
    for word in ("canary", "scramjet", "F02K"):
        assert word not in path.read_text()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"record": 1}, "record"),
        ({"record": 99}, "record"),
        ({"record": 0}, "record"),
        ({"record": 2**53}, "record"),
        ({"record": 2.5}, "record"),
        ({"verdict": "clear"}, "verdict"),
        ({"reason_code": "Because of this"}, "reason_code"),
        ({"reviewer": "some body"}, "reviewer"),
        ({"reviewer": "x" * 49}, "reviewer"),
        ({"corrections": [{"label": "none:1", "judgement": "right"}]}, "corrections[0].label"),
        ({"corrections": [{"label": FIELD, "judgement": "so"}]}, "corrections[0].judgement"),
        ({"text": "canary"}, "body"),
    ],
)
def test_a_review_of_another_form_writes_nothing(
    client: TestClient, tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    screened(client)
    answer = client.post("/v1/screen/review", json={**GIVEN, **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert "canary" not in answer.text
    assert len(records(tmp_path)) == 2
    assert not (tmp_path / "corrections.jsonl").exists()


def test_without_a_log_there_is_no_review(classifier: Classifier, tmp_path: Path) -> None:
    with TestClient(create_app(Settings(corrections_file=tmp_path / "c"), classifier)) as client:
        state = client.get("/v1/screen/reviewing").json()
        assert state == {"audit": False, "corrections": False, "allowed": True}
        assert "x-audit-records" not in screened(client).headers
        assert client.post("/v1/screen/review", json=GIVEN).status_code == 404


def test_corrections_are_kept_only_where_the_operator_wants_them(
    classifier: Classifier, tmp_path: Path
) -> None:
    body = {**GIVEN, "corrections": [{"label": FIELD, "judgement": "wrong"}]}
    with TestClient(create_app(settings(tmp_path), classifier)) as client:
        assert client.get("/v1/screen/reviewing").json()["corrections"] is False
        screened(client)
        assert client.post("/v1/screen/review", json=body).status_code == 422
    assert len(records(tmp_path)) == 2
    broken = settings(tmp_path, corrections_file=tmp_path / "none" / "c.jsonl")
    with TestClient(create_app(broken, classifier)) as client:
        answer = client.post("/v1/screen/review", json=body)
    assert answer.status_code == 503
    assert "holds the review" in answer.json()["detail"]
    assert records(tmp_path)[-1]["kind"] == "override"


def test_a_reviewer_carries_the_id_of_the_key(classifier: Classifier, tmp_path: Path) -> None:
    record, token = new_key("desk", (Scope.SCREEN, Scope.REVIEW))
    keys = tmp_path / "keys.json"
    update_keys(keys, lambda _: KeyFile(keys=(record,)))
    with TestClient(create_app(settings(tmp_path, keys_file=keys), classifier)) as client:
        client.headers["X-API-Key"] = token
        screened(client)
        given = {**GIVEN, "reviewer": "x" * 48}
        answer = client.post("/v1/screen/review", json=given).json()
    assert answer["reviewer"] == f"{'x' * 48}@{record.id}"
    assert records(tmp_path)[-1]["reviewer"] == answer["reviewer"]


def test_a_key_that_screens_does_not_overrule_the_filing_of_another(
    classifier: Classifier, tmp_path: Path
) -> None:
    desk, desk_token = new_key("desk", (Scope.SCREEN, Scope.REVIEW))
    intake, intake_token = new_key("intake", (Scope.SCREEN,))
    keys = tmp_path / "keys.json"
    update_keys(keys, lambda _: KeyFile(keys=(desk, intake)))
    with TestClient(create_app(settings(tmp_path, keys_file=keys), classifier)) as client:
        client.headers["X-API-Key"] = desk_token
        screened(client)
        assert client.get("/v1/screen/reviewing").json()["allowed"] is True
        client.headers["X-API-Key"] = intake_token
        assert client.get("/v1/screen/reviewing").json()["allowed"] is False
        answer = client.post("/v1/screen/review", json={**GIVEN, "verdict": "no_indication"})
        assert answer.status_code == 403
        assert 'scope="review"' in answer.headers["www-authenticate"]
    assert len(records(tmp_path)) == 2
