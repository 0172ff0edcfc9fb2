from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from critech_service.observability.request_id import request_id

NEW = re.compile(r"[0-9a-f]{32}")


@pytest.mark.parametrize("sent", ["0123abcd", "a" * 64, "7f9c-4e1b-REQ-1"])
def test_a_safe_id_is_kept(sent: str) -> None:
    assert request_id([(b"x-request-id", sent.encode())]) == sent


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"short", b"a" * 65, b"-leading-hyphen", b"with space", b"under_score", b"a\nb" * 4,
        b"12345678\n", b'{"a": "12345678"}', "日本語日本語日本語".encode(), b"\xff" * 9, b"a;b;c;d",
    ],
)  # fmt: skip
def test_anything_else_is_replaced(sent: bytes) -> None:
    assert NEW.fullmatch(request_id([(b"x-request-id", sent)]))


def test_none_and_two_are_replaced() -> None:
    assert NEW.fullmatch(request_id([(b"x-other", b"12345678")]))
    assert NEW.fullmatch(request_id([(b"x-request-id", b"12345678")] * 2))
    assert request_id([]) != request_id([])


def test_every_answer_carries_it_and_problems_name_it(client: TestClient) -> None:
    sent = {"X-Request-Id": "office-00017"}
    for answer in (
        client.get("/healthz", headers=sent),
        client.get("/nowhere", headers=sent),
        client.post("/v1/classify", headers=sent, json={}),
        client.post("/v1/classify", headers=sent, content=b"x" * 2_000_001),
        client.post("/v2/models/critech/infer", headers=sent, json={}),
    ):
        assert answer.headers.get_list("x-request-id") == ["office-00017"]
        if answer.headers["content-type"] == "application/problem+json":
            assert answer.json()["request_id"] == "office-00017"
    unsafe = client.get("/nowhere", headers={"X-Request-Id": "a canary of text"})
    assert NEW.fullmatch(unsafe.json()["request_id"])
    assert unsafe.json()["request_id"] == unsafe.headers["x-request-id"]
    assert "canary" not in str(unsafe.headers)
