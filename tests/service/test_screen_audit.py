"""The audit log behind ``POST /v1/screen``: no answer without a record, no word in a record."""

from __future__ import annotations

import copy
import dataclasses
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from critech import Classifier
from critech.audit import AuditError, canonical, digest
from critech.audit_secret import AuditSecret
from critech.audit_verify import verify
from critech.cli import main
from critech.errors import InputError
from critech.screening.filing import Filing
from critech.screening.model import Certificate, CertificateEntry, ScreeningModel
from critech_service.app import create_app
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import Settings

FILING: dict[str, Any] = SCREEN_EXAMPLE["filings"][0]
KEY = "a secret of more than thirty-two bytes"
CANARY = "canaryseventyone"


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(audit_log=folder / "audit.jsonl", audit_hmac_key=SecretStr(KEY), **more)


@pytest.fixture
def client(classifier: Classifier, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(settings(tmp_path), classifier)) as ready:
        yield ready


def screen(client: TestClient, *filings: dict[str, Any], **options: Any) -> Any:
    return client.post("/v1/screen", json={"filings": filings, "explain": False, **options})


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audit.jsonl").read_bytes().splitlines()]


def is_unavailable(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert "audit log cannot be written" in answer.json()["detail"]
    assert "verdict" not in answer.text


def test_a_record_says_what_the_answer_says(
    client: TestClient, classifier: Classifier, tmp_path: Path
) -> None:
    other = {"title": "A drawer hinge", "abstract": "A hinge with a damper for a drawer."}
    answer = screen(client, FILING, other, as_of="2025-06-01").json()
    start, *found = records(tmp_path)
    assert start["kind"] == "start"
    assert len(found) == len(answer["results"]) == 2
    certificate = classifier.bundle.screening and classifier.bundle.screening.certificate
    for record, result in zip(found, answer["results"], strict=True):
        assert set(record) == {
            "kind", "seq", "time", "prev", "hash", "filing", "secret", "model", "certificate",
            "taxonomy", "as_of", "verdict", "reasons", "key_id",
        }  # fmt: skip
        assert record["verdict"] == result["verdict"]
        assert record["reasons"] == [
            {"code": reason["code"], "field": reason["field"]} for reason in result["reasons"]
        ]
        assert record["taxonomy"]["version"] == result["provenance"]["version"]
        assert record["model"]["digest"] == answer["model"]["digest"]
        assert record["certificate"]["status"] == answer["certificate"]["status"]
        assert (record["certificate"]["digest"] is None) == (certificate is None)
        assert (record["as_of"], record["key_id"]) == ("2025-06-01", None)
    secret = AuditSecret(KEY.encode())
    filing = Filing(other["title"], other["abstract"])
    assert found[1]["filing"] == secret.filing(filing)
    assert found[0]["secret"] == secret.fingerprint
    assert verify([tmp_path / "audit.jsonl"]).findings == []


def test_the_certificate_is_named_by_digest(classifier: Classifier, tmp_path: Path) -> None:
    entry = CertificateEntry("any", "all", None, 59, 0, 0.95, "certified", 0)
    certificate = Certificate(
        "sha256:0", "sha256:1", "set", "texts", 59, 0, "2026-01-31", 0.95, 0.95, (entry,)
    )
    model = ScreeningModel(None, {}, "none", certificate)
    certified = copy.copy(classifier)
    certified.bundle = dataclasses.replace(classifier.bundle, screening=model)
    with TestClient(create_app(settings(tmp_path), certified)) as client:
        answer = screen(client, FILING).json()
    assert answer["certificate"]["status"] == "void"  # it was made for another model
    assert records(tmp_path)[1]["certificate"] == {
        "status": "void",
        "digest": digest(canonical(json.loads(json.dumps(model.as_dict()["certificate"])))),
    }


def test_no_word_of_a_filing_reaches_the_log(
    client: TestClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    words = f"{CANARY} scramjet engine with an isolator duct and strut injectors"
    filing = {
        **FILING,
        "id": CANARY,
        "title": words,
        "abstract": f"{words} {CANARY}",
        "claims": f"1. {words}",
        "description": words,
        "ipc": [CANARY, "F02K 7/14"],
    }
    before = {path.name for path in tmp_path.iterdir()}
    assert screen(client, filing).status_code == 200
    japanese = {**filing, "abstract": f"超音速燃焼を行うエンジン{CANARY}である。"}
    assert screen(client, japanese, explain=True).status_code == 200
    assert screen(client, {**filing, "abstract": "?!"}).status_code == 422
    assert screen(client, {**filing, CANARY: CANARY}).status_code == 422
    folder = tmp_path.rename(tmp_path.with_name("away"))
    is_unavailable(screen(client, filing))
    folder.rename(tmp_path)
    assert len(records(tmp_path)) == 3
    assert {path.name for path in tmp_path.iterdir()} == before
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for word in (CANARY, "scramjet", "2026-01-31", "F02K", "超音速", KEY):
        assert word.encode() not in written
        assert json.dumps(word)[1:-1].encode() not in written
    assert CANARY not in caplog.text
    assert KEY not in caplog.text


def test_a_log_that_cannot_be_written_answers_503_and_then_goes_on(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert screen(client, FILING).status_code == 200
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        is_unavailable(screen(client, FILING))
        classified = client.post("/v1/classify", json={"documents": [{"text": "A torpedo."}]})
        assert classified.status_code == 200
    assert screen(client, FILING).status_code == 200
    assert verify([tmp_path / "audit.jsonl"]).findings == []


def test_nothing_is_kept_by_default(classifier: Classifier, tmp_path: Path) -> None:
    with TestClient(create_app(Settings(), classifier)) as client:
        assert screen(client, FILING).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_a_refused_filing_is_not_on_record(client: TestClient, tmp_path: Path) -> None:
    assert screen(client, {**FILING, "title": "?"}).status_code == 422
    assert [record["kind"] for record in records(tmp_path)] == ["start"]


def test_the_key_of_the_caller_is_named(classifier: Classifier, tmp_path: Path) -> None:
    app = create_app(settings(tmp_path), classifier)

    class Keyed:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope.setdefault("state", {})["key_id"] = "office-1"
            await self.app(scope, receive, send)

    app.add_middleware(Keyed)
    with TestClient(app) as client:
        assert screen(client, FILING).status_code == 200
    assert records(tmp_path)[1]["key_id"] == "office-1"


def test_the_log_goes_on_after_a_restart(classifier: Classifier, tmp_path: Path) -> None:
    for _ in range(2):
        with TestClient(create_app(settings(tmp_path, audit_max_bytes=10_000), classifier)) as one:
            screen(one, *[FILING] * 8)
    first, second = tmp_path / "audit-000001.jsonl", tmp_path / "audit.jsonl"
    report = verify([first, second])
    assert report.findings == []
    assert report.records == 1 + 8 + 1 + 8


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "setting audit_hmac_file: the audit log needs a secret"),
        ({"audit_hmac_key": KEY, "audit_hmac_file": Path("f")}, "set this or audit_hmac_key, one"),
        ({"audit_hmac_key": "short"}, "audit secret: must be at least 32 bytes long"),
        ({"audit_hmac_file": Path("/no/such/file")}, "audit secret: cannot be read: No such file"),
    ],
)
def test_a_log_without_a_good_secret_is_refused_at_start(
    given: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        create_app(Settings(audit_log=tmp_path / "audit.jsonl", **given))


def test_a_log_that_cannot_be_opened_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="cannot be written: No such file"):
        create_app(settings(tmp_path / "none"))


def test_serve_ends_with_1_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRITECH_AUDIT_LOG", str(tmp_path / "none" / "audit.jsonl"))
    (tmp_path / "secret").write_text(KEY + "\n")
    monkeypatch.setenv("CRITECH_AUDIT_HMAC_FILE", str(tmp_path / "secret"))
    assert main(["serve"]) == 1
    assert "the audit log cannot be written: No such file" in capsys.readouterr().err


def test_the_openapi_document_knows_503(client: TestClient) -> None:
    responses = client.get("/openapi.json").json()["paths"]["/v1/screen"]["post"]["responses"]
    assert "503" in responses
