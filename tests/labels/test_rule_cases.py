"""The matcher against ``rule_cases.yaml``."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from critech_labels import match_fields

CASES = yaml.safe_load((Path(__file__).parent / "rule_cases.yaml").read_text(encoding="utf-8"))
REQUIRED = {"id", "symbols", "fields", "why"}
OPTIONAL = {"date", "malformed", "cpc_only"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_rule_case(case: dict[str, Any]) -> None:
    found = match_fields(case["symbols"], case.get("date")).as_dict()
    fields = found["fields"]
    assert isinstance(fields, list)
    assert {field["code"]: as_in_a_case(field) for field in fields} == case["fields"], case["why"]
    assert found["malformed"] == case.get("malformed", []), case["why"]
    assert found["cpc_only"] == case.get("cpc_only", []), case["why"]


def as_in_a_case(field: dict[str, Any]) -> dict[str, Any]:
    """Return a reported field as the cases write it."""
    written = {"match": field["match"], "items": field["items"]}
    return written | ({"topic_limit": True} if field["topic_limit"] else {})


def test_the_cases_are_well_formed() -> None:
    ids = [case["id"] for case in CASES]
    assert sorted(ids) == sorted(set(ids))
    for case in CASES:
        assert case.keys() >= REQUIRED, case["id"]
        assert case.keys() <= REQUIRED | OPTIONAL, case["id"]
        assert case["why"].strip(), case["id"]
        assert all(isinstance(symbol, str) for symbol in case["symbols"]), case["id"]


def test_there_are_cases_for_every_item() -> None:
    assert len(CASES) >= 120
    hit = {
        item
        for case in CASES
        for field in case["fields"].values()
        if field["match"] == "exact"
        for item in field["items"]
    }
    assert hit == set(range(1, 48))
