"""``/v2``: requests as the Open Inference Protocol writes them, the client generated from its
specification, and tritonclient where it is installed (too heavy for the development extra)."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from critech import Classifier, Document, __version__
from critech.classifier import Options
from critech_service.app import create_app
from critech_service.kserve_schemas import (
    EXAMPLE,
    ErrorOut,
    InferOut,
    ModelMetadataOut,
    ServerOut,
)
from critech_service.schemas import EXAMPLE_EN, EXAMPLE_JA, MAX_DOCUMENTS, MAX_TEXT, MAX_TITLE
from critech_service.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
SECRET = "canary-c4d0"
MODEL = "/v2/models/critech"
TEXTS = [EXAMPLE_EN["text"], EXAMPLE_JA["text"], "A drawer hinge with a damper."]
COLUMNS = {None: 155, "jp-critical-20": 20, "jp-secret-patent-25": 25, "us-ecra-14": 60}


def tensor(name: str, data: list[Any], **changes: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": "BYTES", "data": data, **changes}


def inferred(client: TestClient, request: dict[str, Any], path: str = MODEL) -> dict[str, Any]:
    answer = client.post(f"{path}/infer", json=request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    InferOut.model_validate(body)
    return body


def arrays(body: dict[str, Any]) -> dict[str, Any]:
    """Return the output tensors as arrays of their shape, as any client reads them."""
    types = {"FP32": np.float32, "INT64": np.int64, "BYTES": np.object_}
    return {
        out["name"]: np.array(out["data"], types[out["datatype"]]).reshape(out["shape"])
        for out in body["outputs"]
    }


def expected(
    classifier: Classifier, documents: list[Document], taxonomy: str | None
) -> tuple[list[list[float]], list[list[str]]]:
    """Return scores and decisions of the library in the order of the label ids."""
    options = Options(None if taxonomy is None else (taxonomy,), top_k=None)
    scores, decisions = [], []
    for result in classifier.classify(documents, options).results:
        found = {}
        for one in result.taxonomies:
            for label in one.labels:
                found.update({f"{one.id}:{x.code}": x for x in (label, *label.children)})
        ids = [label_id for label_id in classifier.bundle.labels if label_id in found]
        assert len(ids) == len(found)
        scores.append([found[label_id].score for label_id in ids])
        decisions.append([found[label_id].decision for label_id in ids])
    return scores, decisions


def is_error(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert SECRET not in answer.text
    assert set(answer.json()) == {"error"}
    return ErrorOut.model_validate(answer.json()).error


def test_server_and_health(client: TestClient) -> None:
    server = client.get("/v2").json()
    ServerOut.model_validate(server)
    assert server == {"name": "critech", "version": __version__, "extensions": []}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get(f"{MODEL}/ready").json() == {"name": "critech", "ready": True}


def test_not_ready_before_the_bundle_is_loaded(classifier: Classifier) -> None:
    cold = TestClient(create_app(Settings(), classifier))
    assert cold.get("/v2/health/live").status_code == 200
    answer = cold.get("/v2/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})
    is_error(cold.get(f"{MODEL}/ready"), 503)
    is_error(cold.get(MODEL), 503)
    is_error(cold.post(f"{MODEL}/infer", json=EXAMPLE), 503)


def test_metadata_names_tensors_and_columns(client: TestClient, classifier: Classifier) -> None:
    body = client.get(MODEL).json()
    ModelMetadataOut.model_validate(body)
    assert {t["name"]: (t["datatype"], t["shape"]) for t in body["inputs"]} == {
        "text": ("BYTES", [-1]), "title": ("BYTES", [-1]), "language": ("BYTES", [-1]),
    }  # fmt: skip
    outputs = {t["name"]: (t["datatype"], t["shape"]) for t in body["outputs"]}
    assert outputs["scores"] == ("FP32", [-1, 155])
    assert outputs["decisions"] == ("BYTES", [-1, 155])
    assert body["parameters"]["labels"].split(",") == list(classifier.bundle.labels)
    assert body["parameters"]["taxonomies"].split(",") == list(classifier.taxonomies)
    assert body["parameters"]["digest"] == classifier.model.digest
    (version,) = body["versions"]
    assert client.get(f"{MODEL}/versions/{version}").json() == body
    assert client.get(f"{MODEL}/versions/{version}/ready").status_code == 200


@pytest.mark.parametrize("taxonomy", COLUMNS)
def test_tensors_hold_what_the_library_says(
    client: TestClient, classifier: Classifier, taxonomy: str | None
) -> None:
    request = {"inputs": [tensor("text", TEXTS)], "parameters": {"taxonomy": taxonomy}}
    body = inferred(client, request)
    assert "id" not in body
    found = arrays(body)
    scores, decisions = expected(classifier, [Document(text) for text in TEXTS], taxonomy)
    assert found["scores"].shape == (3, COLUMNS[taxonomy])
    np.testing.assert_allclose(found["scores"], scores, rtol=0, atol=1e-6)
    assert found["decisions"].tolist() == decisions
    assert "assigned" in found["decisions"][0]
    results = classifier.classify(TEXTS).results
    assert found["tokens_seen"].tolist() == [result.tokens_seen for result in results]
    assert found["tokens_total"].tolist() == [result.tokens_total for result in results]
    assert found["warnings"].tolist() == [
        ",".join(warning.code for warning in result.warnings) for result in results
    ]


def test_titles_and_languages(client: TestClient, classifier: Classifier) -> None:
    inputs = [
        tensor("language", ["en", "", "ja"]),
        tensor("title", [EXAMPLE_EN["title"], "", ""]),
        tensor("text", TEXTS),
    ]
    documents = [
        Document(TEXTS[0], title=EXAMPLE_EN["title"], language="en"),
        Document(TEXTS[1]),
        Document(TEXTS[2], language="ja"),
    ]
    found = arrays(inferred(client, {"inputs": inputs}))
    scores, decisions = expected(classifier, documents, None)
    np.testing.assert_allclose(found["scores"], scores, rtol=0, atol=1e-6)
    assert found["decisions"].tolist() == decisions
    assert found["warnings"].tolist()[2] == "language_mismatch,distribution_unknown"


def test_id_version_notice_and_outputs_asked_for(
    client: TestClient, classifier: Classifier
) -> None:
    version = classifier.model.version
    request = {"id": "r-1", "inputs": [tensor("text", TEXTS)], "outputs": [{"name": "decisions"}]}
    body = inferred(client, request, f"{MODEL}/versions/{version}")
    assert (body["id"], body["model_name"], body["model_version"]) == ("r-1", "critech", version)
    assert [out["name"] for out in body["outputs"]] == ["decisions"]
    assert body["parameters"]["digest"] == classifier.model.digest
    assert "not a determination" in body["parameters"]["notice"]


def test_forms_of_a_tensor_and_of_a_body(client: TestClient) -> None:
    flat = inferred(client, {"inputs": [tensor("text", TEXTS)]})["outputs"]
    columns = [
        tensor("text", [[text] for text in TEXTS], shape=[3, 1]),
        tensor("text", TEXTS, shape=[3, 1], parameters={"content_type": "str"}),
    ]
    for column in columns:
        request = {"inputs": [column], "outputs": [], "parameters": {"binary_data_output": True}}
        assert inferred(client, request)["outputs"] == flat
    content = json.dumps({"inputs": [tensor("text", TEXTS)]}).encode()
    for headers in ({}, {"content-type": "application/octet-stream"}):
        answer = client.post(f"{MODEL}/infer", content=content, headers=headers)
        assert answer.json()["outputs"] == flat


def test_the_example_of_the_schema(client: TestClient) -> None:
    body = inferred(client, copy.deepcopy(EXAMPLE))
    assert [(out["name"], out["shape"]) for out in body["outputs"]] == [
        ("scores", [2, 25]),
        ("decisions", [2, 25]),
    ]


def test_64_documents(client: TestClient) -> None:
    inputs = [tensor("text", [f"Pump {i}" for i in range(MAX_DOCUMENTS)])]
    assert arrays(inferred(client, {"inputs": inputs}))["scores"].shape == (64, 155)


def test_unknown_models_and_versions(client: TestClient) -> None:
    for path in (f"/v2/models/{SECRET}", f"{MODEL}/versions/{SECRET}"):
        for answer in (
            client.get(path),
            client.get(f"{path}/ready"),
            client.post(f"{path}/infer", json=EXAMPLE),
        ):
            assert is_error(answer, 404).startswith("there is no such ")


BINARY = {"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 9}}


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        ([], "body: Input should be"),
        ({}, "inputs: Field required"),
        ({"inputs": []}, "inputs: List should have at least 1 item"),
        ({"inputs": [tensor("title", ["x"])]}, "inputs: the tensor text is missing"),
        ({"inputs": [tensor(SECRET, ["x"])]}, "inputs[0].name: Input should be 'text', 'title'"),
        ({"inputs": [tensor("text", ["x"])] * 2}, "inputs[1].name: text comes twice"),
        ({"inputs": [tensor("text", [1], datatype="FP32")]}, "inputs[0].datatype: Input should be"),
        ({"inputs": [tensor("text", [1])]}, "inputs[0].data[0]: Input should be a valid string"),
        ({"inputs": [tensor("text", SECRET)]}, "inputs[0].data: Input should be a valid array"),
        ({"inputs": [tensor("text", [SECRET], shape=[2])]}, "inputs[0].shape: expected [1]"),
        ({"inputs": [tensor("text", [SECRET], shape=[1, 1, 1])]}, "inputs[0].shape: List should"),
        ({"inputs": [tensor("text", [SECRET] * 2, shape=[1, 2])]}, "inputs[0].shape: expected [2]"),
        ({"inputs": [tensor("text", [SECRET], shape=[-1])]}, "inputs[0].shape[0]: Input should be"),
        ({"inputs": [tensor("text", [])]}, "inputs[0].data: expected 1 to 64 elements"),
        (
            {"inputs": [tensor("text", [SECRET] * 65)]},
            "inputs[0].data: List should have at most 64",
        ),
        ({"inputs": [tensor("text", ["x" * (MAX_TEXT + 1)])]}, "inputs[0].data[0]: String should"),
        ({"inputs": [tensor("text", ["x", "?"])]}, "text[1]: is empty"),
        ({"inputs": [{**tensor("text", []), "data": None}]}, "inputs[0].data: is missing"),
        (
            {"inputs": [tensor("text", ["x"]), tensor("title", [SECRET] * 2)]},
            "inputs: title has 2 elements, expected 1",
        ),
        (
            {"inputs": [tensor("text", ["x"]), tensor("title", [SECRET * MAX_TITLE])]},
            "title[0]: should have at most 2000",
        ),
        (
            {"inputs": [tensor("text", ["x"]), tensor("language", [SECRET])]},
            "language[0]: should be 'en', 'ja' or blank",
        ),
        ({**EXAMPLE, "outputs": [{"name": SECRET}]}, "outputs[0].name: Input should be 'scores'"),
        ({**EXAMPLE, "id": 7}, "id: Input should be a valid string"),
        ({**EXAMPLE, "id": SECRET * 50}, "id: String should have at most 200"),
        ({**EXAMPLE, "parameters": {"taxonomy": SECRET}}, "parameters.taxonomy: unknown taxonomy"),
        ({**EXAMPLE, "parameters": {"taxonomy": [SECRET]}}, "parameters.taxonomy: should be"),
        ({"inputs": [BINARY]}, "inputs[0]: the binary tensor extension is not supported"),
    ],
)
def test_unusable_requests(client: TestClient, request_body: object, message: str) -> None:
    found = is_error(client.post(f"{MODEL}/infer", json=request_body), 400)
    assert found.startswith(message)


@pytest.mark.parametrize("content", [b"", b"{", SECRET.encode(), b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_json(client: TestClient, content: bytes) -> None:
    answer = client.post(f"{MODEL}/infer", content=content)
    assert is_error(answer, 400) == "body: is not valid JSON"


def test_lone_surrogates(client: TestClient) -> None:
    content = json.dumps({"inputs": [tensor("text", ["a torpedo \ud800"])]}).encode()
    is_error(client.post(f"{MODEL}/infer", content=content), 400)


def test_binary_and_compressed_bodies(client: TestClient) -> None:
    content = json.dumps({"inputs": [BINARY]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(content))}
    binary = content + b"\x05\0\0\0" + SECRET[:5].encode()
    answer = client.post(f"{MODEL}/infer", content=binary, headers=headers)
    assert "send the data as JSON" in is_error(answer, 400)
    answer = client.post(f"{MODEL}/infer", content=b"x", headers={"content-encoding": "gzip"})
    assert is_error(answer, 400) == "body: compressed bodies are not supported"


def test_a_body_over_2_mb(client: TestClient) -> None:
    request = {"inputs": [tensor("text", ["x" * 400_000] * 6)]}
    assert client.post(f"{MODEL}/infer", json=request).status_code == 413


def test_the_curl_example_of_the_documents(address: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```sh\n(curl [^`]*/v2/[^`]*)```", page)
    command = example.replace("http://127.0.0.1:8000", address)
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    found = arrays(json.loads(done.stdout))
    assert found["scores"].shape == (2, 25)
    assert found["decisions"][0][9] == "assigned"


def test_the_client_of_the_specification(address: str, classifier: Classifier) -> None:
    httpx = pytest.importorskip("httpx")
    generated = pytest.importorskip("open_inference.openapi.client")
    types = pytest.importorskip("open_inference.openapi.types")
    bad_request = pytest.importorskip("open_inference.openapi.errors").BadRequestError
    with httpx.Client(timeout=60) as transport:
        remote = generated.OpenInferenceClient(base_url=address, httpx_client=transport)
        remote.check_server_liveness()
        remote.check_server_readiness()
        remote.check_model_version_readiness("critech", classifier.model.version)
        assert remote.read_server_metadata().version == __version__
        assert len(remote.read_model_metadata("critech").inputs) == 3
        text = types.RequestInput(name="text", shape=[3], datatype="BYTES", data=TEXTS)
        request = generated.InferenceRequest(id="r-3", inputs=[text])
        answer = remote.model_infer("critech", request=request)
        found = arrays(json.loads(answer.json()))
        scores, decisions = expected(classifier, [Document(text) for text in TEXTS], None)
        np.testing.assert_allclose(found["scores"], scores, rtol=0, atol=1e-6)
        assert (answer.id, found["decisions"].tolist()) == ("r-3", decisions)
        wrong = types.RequestInput(name="text", shape=[2], datatype="BYTES", data=TEXTS)
        with pytest.raises(bad_request, match=r"inputs\[0\]\.shape"):
            remote.model_infer("critech", request=generated.InferenceRequest(inputs=[wrong]))


def test_tritonclient(address: str, classifier: Classifier) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
    with triton.InferenceServerClient(address.removeprefix("http://")) as remote:
        assert remote.is_server_live()
        assert remote.is_server_ready()
        assert remote.is_model_ready("critech")
        assert remote.get_server_metadata()["name"] == "critech"
        assert len(remote.get_model_metadata("critech")["inputs"]) == 3
        text = triton.InferInput("text", [3], "BYTES")
        text.set_data_from_numpy(np.array(TEXTS, dtype=np.object_), binary_data=False)
        answer = remote.infer("critech", [text], request_id="r-2")
        scores, decisions = expected(classifier, [Document(text) for text in TEXTS], None)
        np.testing.assert_allclose(answer.as_numpy("scores"), scores, rtol=0, atol=1e-6)
        assert answer.as_numpy("decisions").tolist() == decisions
        assert answer.get_response()["id"] == "r-2"
        text.set_data_from_numpy(np.array(TEXTS, dtype=np.object_))
        with pytest.raises(triton.InferenceServerException, match="binary tensor extension"):
            remote.infer("critech", [text])
        with pytest.raises(triton.InferenceServerException, match="no such model"):
            remote.get_model_metadata("nope")


def test_the_tritonclient_example_of_the_documents(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(import numpy.*?)```", page, re.DOTALL)
    local = example.replace("127.0.0.1:8000", address.removeprefix("http://"))
    exec(compile(local, PAGE.name, "exec"), {})
    assert "jp-secret-patent-25:10 assigned" in capsys.readouterr().out
