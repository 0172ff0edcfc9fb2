"""The alert rules ask for series that exist; the page explains every metric and every log field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from critech_service.observability.logs import FIELDS
from critech_service.observability.tracing import ATTRIBUTES
from critech_service.schemas import CLASSIFY_EXAMPLE

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
RULES: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "deploy" / "prometheus-rules.yaml").read_text(encoding="utf-8")
)["groups"][0]["rules"]
SELECTOR = re.compile(r"(?<![\w.])((?:critech|process|up)\w*)(\{[^}]*\})?")
MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')
OF_PROMETHEUS = {"up"}
TARGET = {"job", "instance"}


@pytest.fixture(scope="module")
def series(client: TestClient) -> list[tuple[str, dict[str, str]]]:
    client.post("/v1/classify", json=CLASSIFY_EXAMPLE)
    client.post("/v1/screen", json={})
    families = text_string_to_metric_families(client.get("/metrics").text)
    return [(sample.name, sample.labels) for family in families for sample in family.samples]


def selectors(expression: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    for name, braces in SELECTOR.findall(expression):
        yield name, MATCHER.findall(braces)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_parses_and_asks_for_what_is_there(
    rule: dict[str, Any], series: list[tuple[str, dict[str, str]]]
) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"]["summary"]
    promql_parser.parse(rule["expr"])
    found = list(selectors(rule["expr"]))
    assert found
    for name, matchers in found:
        if name in OF_PROMETHEUS:
            continue
        named = [labels for series_name, labels in series if series_name == name]
        assert named, name
        for label, operator, value in matchers:
            if label in TARGET:
                continue
            values = {labels.get(label, "") for labels in named}
            if operator == "=":
                assert value in values, (name, label, value)
            else:
                assert any(re.fullmatch(value, one) for one in values) or name == REQUESTS


REQUESTS = "critech_requests_total"  # a 5xx has not happened here


def test_every_metric_and_nothing_else_is_explained(
    series: list[tuple[str, dict[str, str]]],
) -> None:
    suffix = re.compile(r"_(bucket|count|sum|created)$")
    exposed = {suffix.sub("", name) for name, _ in series if name.startswith("critech_")}
    exposed -= {name for name in exposed if f"{name}_total" in exposed}  # of x_total_created
    explained = set(re.findall(r"^\| `(critech_\w+)", PAGE, re.MULTILINE))
    assert explained == exposed


@pytest.mark.parametrize("name", [*FIELDS, "time", "level", "logger", "event", "request_id"])
def test_every_log_field_is_explained(name: str) -> None:
    assert re.search(rf"^\| `{name}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_span_attribute_is_explained(name: str) -> None:
    assert f"`{name}`" in PAGE
