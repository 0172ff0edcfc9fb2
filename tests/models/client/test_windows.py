"""Windows of a stream, and what becomes of their lines, without network and clock."""

import json
from collections.abc import Callable, Generator
from typing import Any

import pytest

from critech import Document
from critech.client.calls import Call, Wanted
from critech.client.errors import AnswerError, BusyError, UnreachableError
from critech.client.exchange import Outcome, Reply, Step
from critech.client.retry import Retry
from critech.client.windows import WINDOW_BYTES, StreamItem, answer_window, windows_of

MODEL = {"bundle": "b", "version": "1", "digest": "sha256:0"}
Answer = Callable[[int, list[dict[str, Any]]], Outcome]


def results(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"line": i, "result": {"id": document.get("id")}, "model": MODEL}
        for i, document in enumerate(documents, 1)
    ]


def reply(lines: list[dict[str, Any]]) -> Reply:
    return Reply(200, {}, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def drive(
    steps: Generator[Step, Outcome, list[StreamItem]], answer: Answer
) -> tuple[list[StreamItem], list[float]]:
    outcome: Outcome = None
    waits: list[float] = []
    n_sent = 0
    while True:
        try:
            step = steps.send(outcome)
        except StopIteration as done:
            return done.value, waits
        outcome = None
        if isinstance(step, Call):
            n_sent += 1
            lines = [json.loads(line) for line in (step.body or b"").splitlines()]
            outcome = answer(n_sent, lines)
        else:
            waits.append(step)


def answered(documents: list[Any], answer: Answer, attempts: int = 4) -> list[StreamItem]:
    (window,) = windows_of(documents, 100)
    found, _ = drive(answer_window(window, Wanted(), Retry(attempts=attempts)), answer)
    return found


def test_windows_hold_all_documents_once_in_order() -> None:
    documents = [{"text": "x" * (i * 997 % 7_000), "id": str(i)} for i in range(500)]
    windows = list(windows_of(documents, 32))
    assert [index for window in windows for index in window.lines] == list(range(500))
    assert all(len(window.lines) <= 32 for window in windows)
    assert all(sum(map(len, window.lines.values())) <= WINDOW_BYTES for window in windows)


def test_a_document_longer_than_a_window_has_one_of_its_own() -> None:
    windows = list(windows_of(["a", "b" * (WINDOW_BYTES + 1), "c"], 32))
    assert [list(window.lines) for window in windows] == [[0], [1], [2]]


def test_documents_of_every_kind_are_sent() -> None:
    sent: list[dict[str, Any]] = []

    def answer(_: int, lines: list[dict[str, Any]]) -> Outcome:
        sent.extend(lines)
        return reply(results(lines))

    answered(["text", {"text": "t", "id": "m"}, Document("t", ipc=("F02K 7/14",))], answer)
    assert sent == [
        {"text": "text"},
        {"text": "t", "id": "m"},
        {"text": "t", "ipc": ["F02K 7/14"]},
    ]


def test_what_json_cannot_hold_is_an_error_of_its_own() -> None:
    found = answered(
        ["a", {"text": b"bytes"}, {"text": float("nan")}, "\ud800"],
        lambda _, lines: reply(results(lines)),
    )
    assert [item.index for item in found] == [0, 1, 2, 3]
    assert [item.error is None for item in found] == [True, False, False, True]
    assert found[1].error is not None
    assert found[1].error.status == 400


@pytest.mark.parametrize(
    "single", ["laser", b"laser", {"text": "laser"}, Document("laser")], ids=repr
)
def test_a_single_document_is_not_taken_apart(single: Any) -> None:
    message = "documents: expected an iterable of texts, Documents or mappings, got "
    with pytest.raises(TypeError, match=message + type(single).__name__):
        list(windows_of(single, 32))


def test_a_document_of_another_type_is_an_error_of_its_own() -> None:
    items = answered(["one", None, 3, b"four", Document], lambda _, lines: reply(results(lines)))
    assert [item.error is None for item in items] == [True, False, False, False, False]


def test_lines_without_time_are_sent_again_and_no_others() -> None:
    asked: list[list[str]] = []

    def answer(n_sent: int, lines: list[dict[str, Any]]) -> Outcome:
        asked.append([line["id"] for line in lines])
        found = results(lines)
        if n_sent == 1:
            found[1] = {"line": 2, "status": 503, "type": "urn:x", "detail": "late"}
            found[2] = {"line": 3, "status": 422, "type": "urn:y", "detail": "wrong"}
        return reply(found)

    found = answered([{"id": str(i), "text": "t"} for i in range(4)], answer)
    assert asked == [["0", "1", "2", "3"], ["1"]]
    assert [item.result and item.result["id"] for item in found] == ["0", "1", None, "3"]
    assert found[2].error is not None
    assert (found[2].error.status, found[2].error.detail) == (422, "wrong")


def test_a_line_that_never_finds_time_keeps_its_error() -> None:
    late = {"line": 1, "status": 503, "type": "urn:x", "detail": "late"}
    (item,) = answered(["a"], lambda *_: reply([late]))
    assert isinstance(item.error, BusyError)


def test_a_stream_that_is_cut_goes_on_where_it_ended() -> None:
    asked: list[int] = []

    def answer(n_sent: int, lines: list[dict[str, Any]]) -> Outcome:
        asked.append(len(lines))
        if n_sent == 1:
            return UnreachableError("cut", "ReadError")
        whole = reply(results(lines))
        return Reply(200, {}, whole.content[:-20]) if n_sent == 2 else whole

    found = answered(["a", "b", "c"], answer)
    assert asked == [3, 3, 1]
    assert [item.index for item in found if item.result] == [0, 1, 2]


def test_a_stream_that_never_answers_is_an_error() -> None:
    with pytest.raises(AnswerError, match="ended early"):
        answered(["a"], lambda *_: reply([]))
