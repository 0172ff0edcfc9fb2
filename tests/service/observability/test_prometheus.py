"""Each metric moves as it should, and by nothing but what it counts."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.testclient import TestClient

from critech import Classifier, __version__
from critech.classifier import Options
from critech.observing import observed_by
from critech.results import WarningCode
from critech.screening.verdict import Verdict
from critech.selftest import self_test
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.observability.metrics import MEDIA_TYPE
from critech_service.observability.reasons import Reason
from critech_service.observability.record import RequestRecord
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.serving import Serving
from critech_service.settings import Settings

WARNED = "critech_text_warnings_total"
WARNINGS = get_args(WarningCode)
TEXTS = [
    "A scramjet engine with a supersonic combustor for a hypersonic missile.",
    "使用済み核燃料を硝酸に溶解する再処理方法",
]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Watch:
    """What changed in the metrics since the last look."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.before = self.samples()

    def samples(self) -> Samples:
        text = self.app.state.metrics.exposition().decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if not sample.name.startswith("process_") and not sample.name.endswith("_created")
        }

    def moved(self, name: str) -> dict[tuple[str, ...], float]:
        """Return how much each series of a name grew, by label values; unmoved ones left out."""
        return {
            tuple(value for _, value in labels): value - self.before.get((found, labels), 0)
            for (found, labels), value in self.samples().items()
            if found == name and value != self.before.get((found, labels), 0)
        }


@pytest.fixture(scope="module")
def app(classifier: Classifier) -> FastAPI:
    return create_app(Settings(), classifier)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as ready:
        yield ready


@pytest.fixture
def watch(app: FastAPI, client: TestClient) -> Watch:
    return Watch(app)


def classify(client: TestClient, *texts: str, **more: Any) -> Any:
    body = {"documents": [{"text": text} for text in texts], **more}
    return client.post("/v1/classify", json=body)


def test_the_exposition_is_one_that_prometheus_reads(client: TestClient) -> None:
    for accept in ("", "application/openmetrics-text; version=1.0.0", "text/html; version=canary"):
        answer = client.get("/metrics", headers={"Accept": accept})
        assert answer.headers["content-type"] == MEDIA_TYPE
        names = {family.name for family in text_string_to_metric_families(answer.text)}
        assert {"critech_requests", "critech_stage_seconds", "process_cpu_seconds"} <= names
        assert "process_resident_memory_bytes" in names


def test_program_and_bundle_are_named(client: TestClient, classifier: Classifier) -> None:
    text = client.get("/metrics").text
    model = classifier.model
    assert f'critech_info{{version="{__version__}"}} 1.0' in text
    assert f'digest="{model.digest}",name="{model.bundle}",version="{model.version}"' in text


def test_the_bundle_named_is_the_one_in_use(app: FastAPI, client: TestClient) -> None:
    class Other:
        model = type("M", (), {"bundle": "other", "version": "9", "digest": "sha256:0"})

    before = app.state.serving
    app.state.serving = Serving(Other(), owned=False)  # type: ignore[arg-type]
    text = client.get("/metrics").text
    app.state.serving = before
    assert 'critech_bundle_info{digest="sha256:0",name="other",version="9"} 1.0' in text
    assert text.count("critech_bundle_info{") == 1


def test_requests_by_template_method_and_status(client: TestClient, watch: Watch) -> None:
    client.get("/v1/taxonomies/us-ecra-14")
    client.get("/v1/taxonomies/canary")
    client.request("CANARY", "/canary")
    client.delete("/v1/classify")
    assert watch.moved("critech_requests_total") == {
        ("GET", "/v1/taxonomies/{taxonomy_id}", "2xx"): 1,
        ("GET", "/v1/taxonomies/{taxonomy_id}", "4xx"): 1,
        ("other", "unmatched", "4xx"): 1,
        ("DELETE", "/v1/classify", "4xx"): 1,
    }
    assert watch.moved("critech_request_seconds_count") == {
        ("/v1/taxonomies/{taxonomy_id}",): 2,
        ("unmatched",): 1,
        ("/v1/classify",): 1,
    }
    assert watch.samples()[("critech_requests_running", ())] == 0


def test_a_request_in_work_is_counted(app: FastAPI, client: TestClient) -> None:
    seen: list[float] = []
    metrics = app.state.metrics
    metrics.gauge("critech_seen", "For this test.", lambda: 7.0)
    app.state.readiness.add("probe", lambda: bool(seen.append(Watch(app).before[RUNNING]) or True))
    client.get("/v1/model")
    seen.clear()
    client.get("/readyz")
    del app.state.readiness._checks["probe"]
    assert seen[0] == 1
    assert "critech_seen 7.0" in client.get("/metrics").text


RUNNING = ("critech_requests_running", ())


def test_stages_of_classification(client: TestClient, watch: Watch) -> None:
    assert classify(client, *TEXTS).status_code == 200
    once = {("receive",): 1, ("wait",): 1, ("inference",): 1, ("respond",): 1}
    assert watch.moved("critech_stage_seconds_count") == once
    spent = watch.moved("critech_stage_seconds_sum")
    whole = watch.moved("critech_request_seconds_sum")[("/v1/classify",)]
    assert all(value > 0 for value in spent.values())
    assert sum(spent.values()) <= whole


def test_evidence_is_a_stage_of_its_own(client: TestClient, watch: Watch) -> None:
    assert classify(client, TEXTS[0], explain=True).status_code == 200
    assert watch.moved("critech_stage_seconds_count")[("evidence",)] == 1


def test_texts_tokens_and_decisions(
    client: TestClient, watch: Watch, classifier: Classifier
) -> None:
    assert classify(client, *TEXTS, top_k=1, taxonomies=["us-ecra-14"]).status_code == 200
    results = classifier.classify(TEXTS, Options(top_k=None)).results
    assert watch.moved("critech_texts_total") == {("en",): 1, ("ja",): 1}
    assert watch.moved("critech_tokens_total")[()] == sum(one.tokens_seen for one in results)
    assert watch.moved("critech_tokens_unread_total") == {}
    expected: dict[tuple[str, ...], float] = {}
    for result in results:
        for taxonomy in result.taxonomies:
            for label in taxonomy.all_labels():
                if label.decision != "not_assigned":
                    name = (label.decision, taxonomy.id)
                    expected[name] = expected.get(name, 0) + 1
    assert ("assigned", "us-ecra-14") in expected
    assert watch.moved("critech_decisions_total") == expected


def test_every_warning_and_unread_tokens(client: TestClient, watch: Watch) -> None:
    odd = "zxq vbnk wrtp lkjh qwzx pfgt mnbv xcvz " * 30
    documents = [
        {"text": odd},
        {"text": "The pump."},
        {"text": "a " * 40_000},
        {"text": "Насос с тремя поршнями и клапаном"},
        {"text": "A pump with three pistons.", "language": "ja"},
    ]
    found = client.post("/v1/classify", json={"documents": documents}).json()["results"]
    codes = [warning["code"] for result in found for warning in result["warnings"]]
    assert set(codes) == set(WARNINGS)
    assert watch.moved(WARNED) == {(code,): codes.count(code) for code in WARNINGS}
    unread = found[2]["tokens_total"] - found[2]["tokens_seen"]
    assert unread > 0
    assert watch.moved("critech_tokens_unread_total") == {(): unread}


def test_other_protocols_are_counted_too(client: TestClient, watch: Watch) -> None:
    data = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXTS[0]]}]}
    assert client.post("/v2/models/critech/infer", json=data).status_code == 200
    form = {"text": TEXTS[0]}
    suggested = client.post("/annif/v1/projects/us-ecra-14-en/suggest", data=form)
    assert suggested.status_code == 200
    assert watch.moved("critech_texts_total") == {("en",): 2}
    assert watch.moved("critech_stage_seconds_count")[("inference",)] == 2


def test_what_alarms_ask_for_begins_at_zero(classifier: Classifier) -> None:
    samples = Watch(create_app(Settings(), classifier)).before
    for name, count in (("refusals", len(get_args(Reason))), ("verdicts", len(get_args(Verdict)))):
        found = [value for (n, _), value in samples.items() if n == f"critech_{name}_total"]
        assert found == [0] * count
    warned = {dict(labels)["code"] for name, labels in samples if name == WARNED}
    assert warned == set(WARNINGS)


def test_verdicts(client: TestClient, watch: Watch) -> None:
    filing = {**SCREEN_EXAMPLE["filings"][0], "claims": "1. A scramjet engine."}
    hinge = {"title": "A drawer hinge", "abstract": "A hinge with a damper for a drawer."}
    body = {"filings": [filing, hinge, hinge], "explain": False}
    found = client.post("/v1/screen", json=body).json()["results"]
    verdicts = [result["verdict"] for result in found]
    assert watch.moved("critech_verdicts_total") == {
        (verdict,): verdicts.count(verdict) for verdict in set(verdicts)
    }
    assert watch.moved("critech_texts_total")[("en",)] > 3  # sections are texts of their own


def test_refusals_by_reason(client: TestClient, watch: Watch) -> None:
    client.post("/v1/classify", json={})
    client.post("/v1/classify", content=b"{", headers={"Content-Type": "application/json"})
    client.post("/v1/classify", content=b"x")
    client.post("/v1/classify", content=b"x" * 2_000_001)
    client.get("/nowhere")  # nothing was asked for that could be refused
    assert watch.moved("critech_refusals_total") == {
        ("validation",): 1, ("malformed",): 1, ("media_type",): 1, ("body_size",): 1,
    }  # fmt: skip
    assert watch.moved("critech_texts_total") == {}


def test_an_audit_log_that_fails(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    settings = Settings(audit_log=tmp_path / "audit.jsonl", audit_hmac_key=SecretStr("k" * 40))
    app = create_app(settings, classifier)
    with TestClient(app) as client:
        watch = Watch(app)
        body = {**SCREEN_EXAMPLE, "explain": False}
        assert client.post("/v1/screen", json=body).status_code == 200
        assert watch.moved("critech_stage_seconds_count")[("audit",)] == 1
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fail)
            assert client.post("/v1/screen", json=body).status_code == 503
        assert watch.moved("critech_refusals_total") == {("audit_log",): 1}


def test_an_unexpected_failure_is_a_5xx_and_no_refusal(
    app: FastAPI, client: TestClient, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state, "serving", object())
    assert classify(client, "A pump.").status_code == 500
    monkeypatch.undo()
    assert watch.moved("critech_requests_total") == {("POST", "/v1/classify", "5xx"): 1}
    assert watch.moved("critech_refusals_total") == {}


def test_keys_scopes_and_limits(classifier: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = {scope: new_key(scope.value, (scope,)) for scope in Scope}
    update_keys(path, lambda _: KeyFile(keys=tuple(record for record, _ in made.values())))
    keys = {scope: {"X-API-Key": token} for scope, (_, token) in made.items()}
    app = create_app(Settings(keys_file=path, rate_limit=3), classifier)
    with TestClient(app) as client:
        watch = Watch(app)
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=keys[Scope.ADMIN]).status_code == 403
        assert client.get("/metrics", headers=keys[Scope.METRICS]).status_code == 200
        answer = client.post("/v1/classify", json={}, headers=keys[Scope.METRICS])
        assert answer.status_code == 403
        codes = [client.get("/v1/model", headers=keys[Scope.CLASSIFY]).status_code for _ in "1234"]
        assert codes == [200, 200, 200, 429]
        path.write_text("{")
        assert client.get("/v1/model", headers=keys[Scope.SCREEN]).status_code == 503
        assert watch.moved("critech_refusals_total") == {
            ("key",): 1, ("scope",): 2, ("rate",): 1, ("keys_file",): 1,
        }  # fmt: skip
        assert watch.moved("critech_requests_total")[("POST", "/v1/classify", "4xx")] == 1


def test_two_applications_count_apart(classifier: Classifier, app: FastAPI) -> None:
    other = create_app(Settings(), classifier)
    watch = Watch(app)
    with TestClient(other) as client:
        client.get("/v1/model")
    assert watch.moved("critech_requests_total") == {}


def test_golden_texts_are_nobodys_documents(app: FastAPI, classifier: Classifier) -> None:
    watch = Watch(app)
    with observed_by(RequestRecord(app.state.metrics)):
        assert self_test(classifier).passed
        assert watch.moved("critech_texts_total") == {}
        classifier.classify(["A pump."])
    assert watch.moved("critech_texts_total") == {("en",): 1}
