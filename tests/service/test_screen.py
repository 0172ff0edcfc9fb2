"""``POST /v1/screen``: the wire form of a verdict, and clear errors for bad filings."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from critech_service.screen_schemas import SCREEN_EXAMPLE, ScreenOut

FILING: dict[str, Any] = SCREEN_EXAMPLE["filings"][0]


def screen(client: TestClient, filing: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = client.post("/v1/screen", json={"filings": [filing], **options})
    assert answer.status_code == 200, answer.text
    ScreenOut.model_validate(answer.json())
    result: dict[str, Any] = answer.json()["results"][0]
    return result


def test_a_filing_comes_back_with_rule_text_condition_evidence_and_dates(
    client: TestClient,
) -> None:
    answer = client.post("/v1/screen", json=SCREEN_EXAMPLE)
    whole = answer.json()
    ScreenOut.model_validate(whole)
    (result,) = whole["results"]
    assert (result["id"], result["verdict"], result["language"]) == ("A-1", "refer", "en")
    (field,) = [field for field in result["fields"] if field["code"] == "10"]
    assert field["ipc_rule"]["met"] == "exact"
    assert field["ipc_rule"]["items"] == [23]
    assert field["additional_condition"]["basis"] == ["defence_use"]
    assert "Order art. 12(1) item 23" in field["citations"]
    for evidence in field["evidence"]:
        given = FILING[evidence["section"]]
        assert given[evidence["start"] : evidence["end"]] == evidence["quote"]
    assert [p["last_day"] for p in result["dates"]["periods"]] == ["2026-04-30", "2026-11-30"]
    assert result["foreign_filing"]["ban"] == "indicated"
    assert whole["provenance"]["bundle_digest"] == whole["model"]["digest"]
    assert whole["provenance"]["order_consolidated_to"] == "2026-06-01"
    assert whole["certificate"]["status"] in ("certified", "no_certificate")
    assert "not a determination" in whole["notice"]["en"]


def test_explain_false_leaves_the_evidence_out_and_changes_nothing_else(client: TestClient) -> None:
    short = screen(client, FILING, explain=False)
    long = screen(client, FILING)
    assert all("evidence" not in field for field in short["fields"])
    for field in long["fields"]:
        del field["evidence"]
    assert short == long


def test_what_nobody_answered_is_unknown(client: TestClient) -> None:
    bare = {name: FILING[name] for name in ("title", "abstract", "ipc")}
    result = screen(client, bare, explain=False)
    assert result["verdict"] == "review"
    (field,) = [field for field in result["fields"] if field["code"] == "10"]
    assert field["additional_condition"]["state"] == "unknown"
    assert result["dates"] is None
    assert result["foreign_filing"]["ban"] == "unsettled"


def test_as_of_picks_the_edition(client: TestClient) -> None:
    filing = {**FILING, "ipc": ["H01L 31/10"], "filing_date": None}
    assert screen(client, filing, explain=False)["ipc"]["edition"] == "2025-01-01"
    old = screen(client, filing, explain=False, as_of="2024-06-01")
    assert old["ipc"]["edition"] == "2024-05-01"
    dated = screen(client, {**filing, "filing_date": "2024-06-01"}, explain=False)
    assert dated["ipc"]["edition"] == "2024-05-01"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "filings[0].title"),
        ({"abstract": "?!"}, "filings[0].abstract"),
        ({"filing_date": 20260131}, "filings[0].filing_date"),
        ({"filing_date": "2026-02-30"}, "filings[0].filing_date"),
        ({"filing_date": "2026-01-31T00:00:00"}, "filings[0].filing_date"),
        ({"already_public": "maybe"}, "filings[0].already_public"),
        ({"invented_in_japan": True}, "filings[0].invented_in_japan"),
        ({"conditions": {"subsidy": "yes"}}, "filings[0].conditions"),
        ({"conditions": {"defence_use": None}}, "filings[0].conditions.defence_use"),
        ({"language": "de"}, "filings[0].language"),
        ({"ipc": "F42B15/01"}, "filings[0].ipc"),
    ],
)
def test_a_bad_filing_is_refused_by_field(
    client: TestClient, change: dict[str, Any], field: str
) -> None:
    answer = client.post("/v1/screen", json={"filings": [{**FILING, **change}]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_limits_of_a_request(client: TestClient) -> None:
    assert client.post("/v1/screen", json={"filings": []}).status_code == 422
    many = client.post("/v1/screen", json={"filings": [FILING] * 65})
    assert (many.status_code, many.json()["errors"][0]["field"]) == (422, "filings")
    assert client.post("/v1/screen", json={**SCREEN_EXAMPLE, "as_of": "soon"}).status_code == 422


def test_classify_offers_the_same_evidence(client: TestClient) -> None:
    document = {"title": FILING["title"], "text": FILING["abstract"]}
    body = {"documents": [document], "taxonomies": ["jp-secret-patent-25"], "top_k": 2}
    plain = client.post("/v1/classify", json=body).json()["results"][0]
    answer = client.post("/v1/classify", json={**body, "explain": True}).json()["results"][0]
    assert "evidence" not in plain["taxonomies"][0]["labels"][0]
    first, second = answer["taxonomies"][0]["labels"]
    assert first["code"] == "10"
    assert second["evidence"] == []
    quotes = [(e["section"], e["quote"], e["contribution"]) for e in first["evidence"]]
    screened = screen(client, FILING)["fields"][0]["evidence"]
    renamed = [
        (e["section"].replace("abstract", "text"), e["quote"], e["contribution"]) for e in screened
    ]
    assert quotes == renamed


def test_classify_as_of_names_version_and_force(client: TestClient) -> None:
    body = {"documents": [{"text": FILING["abstract"]}], "as_of": "2024-06-01", "top_k": 1}
    found = client.post("/v1/classify", json=body).json()["results"][0]["taxonomies"]
    versions = {t["id"]: (t["version"], t["in_force"]) for t in found}
    assert versions["jp-secret-patent-25"] == ("2024-05-01", True)
    body["as_of"] = "2024-04-30"
    found = client.post("/v1/classify", json=body).json()["results"][0]["taxonomies"]
    assert {t["id"]: t["in_force"] for t in found}["jp-secret-patent-25"] is False


def test_taxonomies_as_of_a_date(client: TestClient) -> None:
    path = "/v1/taxonomies/jp-secret-patent-25"
    new = client.get(f"{path}/labels/17").json()
    old = client.get(f"{path}/labels/17", params={"as_of": "2024-06-01"}).json()
    assert old["taxonomy"]["version"] == "2024-05-01"
    assert (str(new["ipc_rules"]).count("H10F") > 5, "H10F" in str(old["ipc_rules"])) == (
        True,
        False,
    )
    assert client.get(path, params={"as_of": "2025-01-01"}).json()["version"] == "2025-01-01"
    bad = client.get("/v1/taxonomies", params={"as_of": "01/02/2024"})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "as_of")


def test_the_crosswalk_whole_and_of_one_label(client: TestClient) -> None:
    whole = client.get("/v1/crosswalk").json()
    assert whole["status"] == "editorial"
    assert len(whole["entries"]) >= 150
    label = "us-ecra-14:12"
    of_one = client.get("/v1/crosswalk", params={"label": label}).json()["entries"]
    assert {entry["source"] for entry in of_one} == {label}
    assert len(of_one) == sum(label in (e["source"], e["target"]) for e in whole["entries"])
    for unknown in ("us-ecra-14:99", "us-ecra-15:01"):
        assert client.get("/v1/crosswalk", params={"label": unknown}).status_code == 404
    bad = client.get("/v1/crosswalk", params={"label": "us-ecra-14"})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "label")
