"""``/annif/v1`` with the client that Annif's users have, and its limits and errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from annif_client import AnnifClient
from starlette.testclient import TestClient

from critech import Classifier, Document
from critech.classifier import Options
from critech_service.annif_schemas import (
    ApiInfoOut,
    BatchSuggestionsOut,
    DetectedLanguagesOut,
    ProjectListOut,
    SuggestionsOut,
    VocabularyListOut,
)
from critech_service.schemas import EXAMPLE_EN, EXAMPLE_JA, MAX_DOCUMENTS, MAX_ID, MAX_TEXT

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
SECRET = "canary-91ce"
PROJECT = "jp-secret-patent-25-en"
SUGGEST = f"/annif/v1/projects/{PROJECT}/suggest"
BATCH = f"/annif/v1/projects/{PROJECT}/suggest-batch"
TEXTS = [EXAMPLE_EN["text"], EXAMPLE_JA["text"], "A drawer hinge with a damper."]


@pytest.fixture(scope="module")
def annif(address: str) -> AnnifClient:
    return AnnifClient(f"{address}/annif/v1/")


def scores(results: list[dict[str, Any]]) -> dict[str, float]:
    return {item["uri"].removeprefix("urn:critech:"): item["score"] for item in results}


def expected(classifier: Classifier, document: str | Document, taxonomy: str) -> dict[str, float]:
    options = Options((taxonomy,), top_k=None)
    (result,) = classifier.classify([document], options).results
    (found,) = result.taxonomies
    every = [*found.labels, *(child for label in found.labels for child in label.children)]
    return {f"{taxonomy}:{label.code}": label.score for label in every}


def is_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text
    body: dict[str, Any] = answer.json()
    assert {"title", "status", "detail"} <= set(body)
    return body


def test_the_client_finds_api_and_projects(annif: AnnifClient) -> None:
    ApiInfoOut.model_validate(annif.api_info)
    listed = annif.projects
    ProjectListOut.model_validate({"projects": listed})
    assert [project["project_id"] for project in listed] == [
        "jp-critical-20-en", "jp-critical-20-ja", "jp-kprogram-50-en", "jp-kprogram-50-ja",
        "jp-secret-patent-25-en", "jp-secret-patent-25-ja", "us-ecra-14-en", "us-ecra-14-ja",
    ]  # fmt: skip
    one = annif.get_project("us-ecra-14-ja")
    assert one == listed[-1]
    assert (one["language"], one["vocab_language"], one["is_trained"]) == ("ja", "ja", True)
    assert (one["vocab"]["vocab_id"], one["vocab"]["size"]) == ("us-ecra-14", 60)
    assert {project["backend"]["backend_id"] for project in listed} == {"critech"}


def test_vocabularies(client: TestClient) -> None:
    body = client.get("/annif/v1/vocabs").json()
    VocabularyListOut.model_validate(body)
    assert [vocab["size"] for vocab in body["vocabs"]] == [20, 50, 25, 60]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("taxonomy", ["jp-secret-patent-25", "us-ecra-14"])
def test_the_client_gets_the_scores_of_the_library(
    annif: AnnifClient, classifier: Classifier, taxonomy: str, text: str
) -> None:
    for language in ("en", "ja"):
        results = annif.suggest(f"{taxonomy}-{language}", text, limit=1000)
        assert scores(results) == pytest.approx(expected(classifier, text, taxonomy), abs=1e-6)
        found = [item["score"] for item in results]
        assert found == sorted(found, reverse=True)


def test_items_are_those_of_annif(annif: AnnifClient, classifier: Classifier) -> None:
    item, *rest = annif.suggest(PROJECT, TEXTS[0])
    assert len(rest) == 9
    assert set(item) == {"uri", "label", "notation", "score"}
    assert (item["uri"], item["notation"]) == ("urn:critech:jp-secret-patent-25:10", "10")
    title = classifier.taxonomies["jp-secret-patent-25"].label("10").title
    assert item["label"] == title.en
    assert annif.suggest("jp-secret-patent-25-ja", TEXTS[0])[0]["label"] == title.ja


def test_a_category_stands_before_its_sub_items(annif: AnnifClient) -> None:
    order = [item["notation"] for item in annif.suggest("us-ecra-14-en", TEXTS[1], limit=60)]
    assert len(order) == 60
    assert all(order.index(code.partition(".")[0]) <= order.index(code) for code in order)


def test_limit_and_threshold(annif: AnnifClient) -> None:
    assert annif.suggest(PROJECT, TEXTS[0], limit=0) == []
    assert len(annif.suggest(PROJECT, TEXTS[0], limit=3)) == 3
    above = annif.suggest(PROJECT, TEXTS[0], limit=100, threshold=0.1)
    assert 1 <= len(above) < 25
    assert min(item["score"] for item in above) >= 0.1


def test_a_batch_in_order_with_the_same_results(annif: AnnifClient) -> None:
    documents = [{"document_id": f"d{i}", "text": text} for i, text in enumerate(TEXTS)]
    found = annif.suggest_batch(PROJECT, [*documents, {"text": TEXTS[0]}], limit=4, threshold=0.01)
    assert [one["document_id"] for one in found] == ["d0", "d1", "d2", None]
    alone = [annif.suggest(PROJECT, text, limit=4, threshold=0.01) for text in TEXTS]
    assert [one["results"] for one in found] == [*alone, alone[0]]


def test_what_annif_has_no_place_for_stands_beside(client: TestClient) -> None:
    body = client.post(SUGGEST, data={"text": "torpedo", "limit": "1"}).json()
    SuggestionsOut.model_validate(body)
    beside = body["critech"]
    assert beside["taxonomy"] == {"id": "jp-secret-patent-25", "version": "2025-01-01"}
    assert beside["tokens_seen"] == beside["tokens_total"] >= 1
    assert [warning["code"] for warning in beside["warnings"]] == ["short_text"]
    assert "not a determination" in beside["notice"]["en"]
    (one,) = client.post(BATCH, json={"documents": [{"text": "torpedo"}]}).json()
    BatchSuggestionsOut.model_validate(one)
    assert one["critech"] == beside


def test_language_of_labels_and_metadata(client: TestClient, classifier: Classifier) -> None:
    english = client.post(SUGGEST, data={"text": TEXTS[0], "language": ""}).json()
    japanese = client.post(SUGGEST, data={"text": TEXTS[0], "language": "ja"}).json()
    assert scores(japanese["results"]) == scores(english["results"])
    assert japanese["results"][0]["label"] != english["results"][0]["label"]
    form = {"text": TEXTS[0], "metadata_title": EXAMPLE_EN["title"], "limit": "99", "project": "x"}
    titled = client.post(SUGGEST, data=form).json()["results"]
    document = Document(TEXTS[0], title=EXAMPLE_EN["title"])
    assert scores(titled) == expected(classifier, document, "jp-secret-patent-25")
    item = {"text": TEXTS[0], "metadata": {"title": EXAMPLE_EN["title"], "author": "x"}}
    params = {"limit": "99", "language": "ja"}
    (batched,) = client.post(BATCH, json={"documents": [item]}, params=params).json()
    assert scores(batched["results"]) == scores(titled)
    assert batched["results"][0]["label"] == japanese["results"][0]["label"]


def test_languages_are_told_apart(annif: AnnifClient) -> None:
    found = annif.detect_language(TEXTS[1], ["en", "ja"])
    DetectedLanguagesOut.model_validate(found)
    assert found["results"] == [
        {"language": "ja", "score": 1.0},
        {"language": "en", "score": 0.0},
        {"language": None, "score": 0.0},
    ]
    neither = annif.detect_language("Сцинтилляционный детектор", ["en"])["results"]
    assert neither == [{"language": None, "score": 1.0}, {"language": "en", "score": 0.0}]
    with pytest.raises(requests.HTTPError, match="400"):
        annif.detect_language("En snabb räv", ["sv", "en"])


def test_unknown_projects(annif: AnnifClient, client: TestClient) -> None:
    for call in (
        lambda: annif.get_project("nope"),
        lambda: annif.suggest("jp-secret-patent-25", "x"),
        lambda: annif.suggest_batch("nope", [{"text": "x"}]),
        lambda: annif.learn("nope", []),
    ):
        with pytest.raises(ValueError, match="No such project; there are jp-critical-20-en"):
            call()
    is_problem(client.get(f"/annif/v1/projects/{SECRET}"), 404)


def test_nothing_is_learned(annif: AnnifClient, client: TestClient) -> None:
    with pytest.raises(requests.HTTPError, match="403"):
        annif.learn(PROJECT, [{"text": "x", "subjects": []}])
    answer = client.post(f"/annif/v1/projects/{PROJECT}/learn", json=[{"text": SECRET}])
    assert "does not learn over HTTP" in is_problem(answer, 403)["detail"]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"limit": "3"}, "text"),
        ({"text": ""}, "text"),
        ({"text": " ?"}, "text"),
        ({"text": "x" * (MAX_TEXT + 1)}, "text"),
        ({"text": SECRET, "limit": SECRET}, "limit"),
        ({"text": SECRET, "limit": "-1"}, "limit"),
        ({"text": SECRET, "limit": "9" * 30}, "limit"),
        ({"text": SECRET, "threshold": "nan"}, "threshold"),
        ({"text": SECRET, "threshold": "1.5"}, "threshold"),
        ({"text": SECRET, "language": SECRET}, "language"),
        ({"text": "x", "metadata_title": SECRET * 200}, "metadata_title"),
        ({"text": "x", **{f"{SECRET}{i}": "1" for i in range(70)}}, "body"),
    ],
)
def test_unusable_forms(client: TestClient, form: dict[str, str], field: str) -> None:
    body = is_problem(client.post(SUGGEST, data=form), 400)
    assert body["errors"][0]["field"] == field
    assert body["detail"].startswith(f"{field}: ")


def test_forms_that_are_none(client: TestClient) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    for content in (b"text=%ff" + SECRET.encode(), b"text=\xff"):
        is_problem(client.post(SUGGEST, content=content, headers=headers), 400)
    answer = client.post(SUGGEST, content=urlencode({"text": "魚雷"}), headers=headers)
    assert answer.json()["critech"]["language"] == "ja"
    is_problem(client.post(SUGGEST, json={"text": SECRET}), 415)
    is_problem(client.post(SUGGEST, files={"text": SECRET.encode()}), 415)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "documents"),
        ([{"text": SECRET}], "body"),
        ({"documents": []}, "documents"),
        ({"documents": [{"text": SECRET}] * (MAX_DOCUMENTS + 1)}, "documents"),
        ({"documents": [{"text": "x"}, {"text": 7}]}, "documents[1].text"),
        ({"documents": [{"text": "x"}, {"text": "!"}]}, "documents[1].text"),
        ({"documents": [{"text": "x" * (MAX_TEXT + 1)}]}, "documents[0].text"),
        (
            {"documents": [{"text": "x", "document_id": SECRET * MAX_ID}]},
            "documents[0].document_id",
        ),
        ({"documents": [{"text": "x", "metadata": SECRET}]}, "documents[0].metadata"),
        ({"documents": [{"text": "x", "metadata": {"title": 1}}]}, "documents[0].metadata.title"),
    ],
)
def test_unusable_batches(client: TestClient, body: object, field: str) -> None:
    found = is_problem(client.post(BATCH, json=body), 400)
    assert found["errors"][0]["field"] == field


def test_batches_that_cannot_be_read(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    is_problem(client.post(BATCH, content=b'{"documents": [', headers=headers), 400)
    is_problem(client.post(BATCH, content=SECRET, headers={"content-type": "text/plain"}), 415)
    is_problem(client.post(BATCH, json={"documents": [{"text": "x" * 400_000}] * 6}), 413)
    good = {"documents": [{"text": "x"}]}
    is_problem(client.post(BATCH, json=good, params={"limit": SECRET}), 400)
    is_problem(client.post(BATCH, json=good, params={"language": SECRET}), 400)
    is_problem(client.post("/annif/v1/detect-language", json={"text": SECRET}), 400)


def test_64_documents(client: TestClient) -> None:
    documents = [{"document_id": str(i), "text": f"Pump {i}"} for i in range(MAX_DOCUMENTS)]
    found = client.post(BATCH, json={"documents": documents}, params={"limit": 1}).json()
    assert [one["document_id"] for one in found] == [str(i) for i in range(MAX_DOCUMENTS)]


def test_the_example_of_the_documents_runs(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(from annif_client.*?)```", page, re.DOTALL)
    exec(compile(example.replace("http://127.0.0.1:8000", address), PAGE.name, "exec"), {})
    assert "urn:critech:jp-secret-patent-25:10" in capsys.readouterr().out
