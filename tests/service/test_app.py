import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from critech import Classifier, Document
from critech.classifier import Options
from critech.heads import LANGUAGE_ROW
from critech.results import NOTICE
from critech_service.app import create_app
from critech_service.schemas import CLASSIFY_EXAMPLE, MAX_DOCUMENTS
from critech_service.serving import Serving
from critech_service.settings import Settings

SECRET = "canary-5f2c"


def is_problem(answer, status: int) -> dict:  # type: ignore[no-untyped-def, type-arg]
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "errors", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["status"] == status
    assert SECRET not in answer.text
    return body


def test_the_result_is_that_of_the_library(client: TestClient, classifier: Classifier) -> None:
    answer = client.post("/v1/classify", json=CLASSIFY_EXAMPLE)
    assert answer.status_code == 200
    documents = [
        Document(d["text"], d["id"], d["title"], ipc=tuple(d.get("ipc", ())))
        for d in CLASSIFY_EXAMPLE["documents"]
    ]
    expected = classifier.classify(documents, Options(top_k=3, min_score=0.1))
    assert answer.json() == json.loads(json.dumps(expected.as_dict()))


def test_shape_of_a_result(client: TestClient) -> None:
    body = client.post("/v1/classify", json={"documents": [{"text": "A torpedo."}]}).json()
    assert set(body) == {"results", "model", "notice"}
    assert body["notice"] == NOTICE
    (result,) = body["results"]
    assert set(result) == {
        "id", "language", "tokens_seen", "tokens_total", "warnings", "taxonomies",
    }  # fmt: skip
    assert [t["id"] for t in result["taxonomies"]] == [
        "jp-critical-20", "jp-kprogram-50", "jp-secret-patent-25", "us-ecra-14",
    ]  # fmt: skip
    for taxonomy in result["taxonomies"]:
        assert len(taxonomy["labels"]) == 5
        for label in taxonomy["labels"]:
            assert set(label) == {
                "code", "title", "score", "decision", "calibrated", "children",
            }  # fmt: skip
            assert label["decision"] in ("assigned", "possible", "not_assigned")


def test_top_k_null_means_all(client: TestClient) -> None:
    request = {"documents": [{"text": "A torpedo."}], "top_k": None}
    (result,) = client.post("/v1/classify", json=request).json()["results"]
    assert [len(t["labels"]) for t in result["taxonomies"]] == [20, 50, 25, 14]


def test_64_documents_in_order(client: TestClient) -> None:
    documents = [{"id": str(i), "text": f"A pump with {i} pistons."} for i in range(MAX_DOCUMENTS)]
    answer = client.post("/v1/classify", json={"documents": documents, "top_k": 1})
    assert [result["id"] for result in answer.json()["results"]] == [str(i) for i in range(64)]


@pytest.mark.parametrize(
    ("request_body", "field", "message"),
    [
        ({}, "documents", "Field required"),
        ({"documents": []}, "documents", "at least 1 item"),
        ({"documents": [{"text": "x"}] * 65}, "documents", "at most 64 items"),
        ({"documents": [{}]}, "documents[0].text", "Field required"),
        ({"documents": [{"text": 7}]}, "documents[0].text", "valid string"),
        ({"documents": [{"text": ""}]}, "documents[0].text", "at least 1 character"),
        ({"documents": [{"text": " \n"}]}, "documents[0].text", "is empty"),
        ({"documents": [{"text": "x" * 500_001}]}, "documents[0].text", "at most 500000"),
        ({"documents": [{"text": "x", "id": "i" * 201}]}, "documents[0].id", "at most 200"),
        ({"documents": [{"text": "x", "language": "de"}]}, "documents[0].language", "'en' or 'ja'"),
        ({"documents": [{"text": "x", "ipc": "F42B"}]}, "documents[0].ipc", "valid list"),
        ({"documents": [{"text": "x", SECRET: 1}]}, "documents[0]", "not permitted"),
        ({"documents": [{"text": "x"}], "min_score": "0.5"}, "min_score", "valid number"),
        ({"documents": [{"text": "x"}], "min_score": True}, "min_score", "valid number"),
        ({"documents": [{"text": "x"}], "taxonomies": ["nope"]}, "taxonomies[0]", "unknown taxono"),
        ({"documents": [{"text": "x"}], "top_k": 0}, "top_k", "greater than or equal to 1"),
        ({"documents": [{"text": "x"}], "min_score": 2}, "min_score", "less than or equal to 1"),
        ([], "body", "valid dictionary"),
    ],
)
def test_invalid_requests_name_field_and_limit(
    client: TestClient, request_body: object, field: str, message: str
) -> None:
    body = is_problem(client.post("/v1/classify", json=request_body), 422)
    (error,) = body["errors"]
    assert error["field"] == field
    assert message in error["message"]
    assert body["detail"].startswith(field)


def test_input_is_never_repeated(client: TestClient) -> None:
    document = {"text": SECRET, "language": SECRET, "ipc": SECRET, "id": 5, "title": [SECRET]}
    is_problem(client.post("/v1/classify", json={"documents": [document], "top_k": SECRET}), 422)
    is_problem(client.post("/v1/classify", json={"documents": SECRET}), 422)
    request = {"documents": [{"text": "x"}], "taxonomies": [SECRET]}
    is_problem(client.post("/v1/classify", json=request), 422)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"", 422),
        (b"\xff\xfe", 400),
        (b'{"documents": [', 400),
        (b"[" * 100_000, 400),
        (b'{"documents": [{"text": "x"}], "min_score": NaN}', 422),
        (b'{"documents": [{"text": "x"}], "top_k": 1' + b"0" * 400 + b"}", 422),
    ],
)
def test_malformed_json(client: TestClient, content: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    body = is_problem(client.post("/v1/classify", content=content, headers=headers), status)
    assert body["detail"]


def test_many_errors_are_counted_not_listed(client: TestClient) -> None:
    request = {f"{SECRET}-{i}": i for i in range(1000)}
    body = is_problem(client.post("/v1/classify", json=request), 422)
    assert len(body["errors"]) == 20
    assert "1001 errors in all" in body["detail"]


def test_a_body_over_2_mb(client: TestClient) -> None:
    request = {"documents": [{"text": "x" * 400_000}] * 6}
    body = is_problem(client.post("/v1/classify", json=request), 413)
    assert "2000000 bytes" in body["detail"]

    def chunks() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * 10_000

    headers = {"content-type": "application/json"}
    is_problem(client.post("/v1/classify", content=chunks(), headers=headers), 413)


def test_a_body_that_is_not_json(client: TestClient) -> None:
    headers = {"content-type": "text/plain"}
    is_problem(client.post("/v1/classify", content=b"text", headers=headers), 415)


def test_unknown_paths_and_methods(client: TestClient) -> None:
    for path in ("/page", "/v1", "/v2/classify", "/docs", "/v1/classify/", f"/{SECRET}"):
        is_problem(client.get(path), 404)
        is_problem(client.post(path, content=b"x"), 404)
    refused = client.get("/v1/classify")
    is_problem(refused, 405)
    assert refused.headers["allow"] == "POST"
    is_problem(client.delete("/v1/taxonomies"), 405)


def test_taxonomies(client: TestClient) -> None:
    listed = client.get("/v1/taxonomies").json()["taxonomies"]
    assert [(t["id"], t["n_labels"], t["n_sub_items"]) for t in listed] == [
        ("jp-critical-20", 20, 0),
        ("jp-kprogram-50", 50, 0),
        ("jp-secret-patent-25", 25, 0),
        ("us-ecra-14", 14, 46),
    ]
    assert all(t["instrument"]["ja"] and t["verification"] for t in listed)
    one = client.get("/v1/taxonomies/us-ecra-14").json()
    assert len(one["labels"]) == 60
    is_problem(client.get("/v1/taxonomies/us-ecra-15"), 404)


def test_one_label(client: TestClient) -> None:
    label = client.get("/v1/taxonomies/jp-secret-patent-25/labels/17").json()
    assert label["additional_condition"] is True
    assert [rule["order_item"] for rule in label["ipc_rules"]] == [40, 46, 47]
    assert label["taxonomy"] == {"id": "jp-secret-patent-25", "version": "2025-01-01"}
    category = client.get("/v1/taxonomies/us-ecra-14/labels/07").json()
    assert [child["code"] for child in category["children"]] == ["07.i", "07.ii", "07.iii"]
    is_problem(client.get("/v1/taxonomies/us-ecra-14/labels/99"), 404)


def test_model_and_health(client: TestClient, classifier: Classifier) -> None:
    model = client.get("/v1/model").json()
    assert model["digest"] == classifier.bundle.digest
    assert model["metrics"]["n_texts"] == model["training"]["n_texts"]["held_out"]
    thresholds = classifier.bundle.thresholds
    for language, row in LANGUAGE_ROW.items():
        if language == "und":
            continue
        found = model["cutoffs"][language]
        assert tuple(found) == classifier.bundle.labels
        share = {j: one.share[row] for one in thresholds.companions for j in one.columns}
        for j, one in enumerate(found.values()):
            assert one["assigned"] == pytest.approx(thresholds.assigned[row, j], abs=1e-6)
            assert one["possible"] == pytest.approx(thresholds.possible[row, j], abs=1e-6)
            assert one["beside"] == (pytest.approx(share[j], abs=1e-6) if j in share else None)
    assert model["flags"] == {
        name: one.flags for name, one in classifier.bundle.joint.items() if one.flags is not None
    }
    assert set(model["flags"]) == {"jp-kprogram-50", "jp-secret-patent-25"}
    screening, any_field = classifier.bundle.screening, classifier.bundle.any_field
    assert screening is not None
    assert any_field is not None
    assert model["screening"]["cutoff_rule"] == screening.cutoff_rule
    assert model["screening"]["any_field"] == any_field.as_dict()
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["status"] == "ready"


def test_not_ready_before_the_bundle_is_loaded(classifier: Classifier) -> None:
    cold = TestClient(create_app(Settings(), classifier))
    answer = cold.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "bundle": False,
        "self_test": False,
        "queue": False,
    }
    assert cold.get("/healthz").status_code == 200


def test_an_unexpected_failure_shows_nothing(
    classifier: Classifier, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(Settings(), classifier)
    with TestClient(app) as client:  # would raise here what reaches the server

        def fail(*_: object) -> None:
            raise RuntimeError(SECRET)

        broken = type("Broken", (), {"bundle": classifier.bundle, "on": fail, "model": None})()
        app.state.serving = Serving(broken, owned=False)
        is_problem(client.post("/v1/classify", json=CLASSIFY_EXAMPLE), 500)
    assert "unexpected RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_lone_surrogates_are_refused_by_field(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    for field in ("id", "text"):
        document = f'{{"text": "a torpedo", "{field}": "\\ud800"}}'
        content = f'{{"documents": [{document}]}}'.encode()
        answer = client.post("/v1/classify", content=content, headers=headers)
        (error,) = is_problem(answer, 422)["errors"]
        assert error["field"] == f"documents[0].{field}"


@pytest.mark.parametrize(("path", "name"), [("/v1/classify", "Classify"), ("/v1/screen", "Screen")])
def test_openapi_examples_work_when_pasted(client: TestClient, path: str, name: str) -> None:
    document = client.get("/openapi.json").json()
    (example,) = document["components"]["schemas"][f"{name}In"]["examples"]
    answer = client.post(path, json=example)
    assert answer.status_code == 200
    schema = document["components"]["schemas"][f"{name}Out"]["properties"]
    assert set(answer.json()) == set(schema)


def test_openapi_lists_every_route(client: TestClient) -> None:
    assert set(client.get("/openapi.json").json()["paths"]) == {
        "/v1/classify", "/v1/classify/stream", "/v1/screen", "/v1/screen/review",
        "/v1/screen/reviewing",
        "/v1/taxonomies", "/v1/taxonomies/{taxonomy_id}",
        "/v1/taxonomies/{taxonomy_id}/labels/{code}", "/v1/model", "/v1/crosswalk", "/healthz",
        "/v1/admin/reload", "/v1/admin/shadow",
        "/readyz", "/metrics",
        "/annif/v1/", "/annif/v1/vocabs", "/annif/v1/detect-language", "/annif/v1/projects",
        *(f"/annif/v1/projects/{{project_id}}{end}" for end in
          ("", "/suggest", "/suggest-batch", "/learn")),
        "/v2", "/v2/health/live", "/v2/health/ready",
        *(f"/v2/models/{{name}}{version}{end}" for version in ("", "/versions/{version}")
          for end in ("", "/ready", "/infer")),
    }  # fmt: skip
