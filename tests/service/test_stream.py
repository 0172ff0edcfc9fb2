"""Streams, through the whole application but for the server. The classifier is a fake whose work
the test lets begin and end, or the default bundle."""

import asyncio
import itertools
import json
import tracemalloc
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_classifier import FakeClassifier
from flow_waiting import connected, until
from hypothesis import given, settings
from hypothesis import strategies as st
from live_server import serving_app
from starlette.testclient import TestClient
from stream_conversation import PATH, Conversation, Silent, converse

from critech import Classifier
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.flow.flow import Flow
from critech_service.ndjson import Line
from critech_service.schemas import EXAMPLE_EN, EXAMPLE_JA
from critech_service.settings import Settings
from critech_service.stream import StreamAnswer

pytestmark = pytest.mark.usefixtures("untested")

NDJSON = {"content-type": "application/x-ndjson"}
CANARY = "canary-77ab"
LIMIT = 1_000


def conversed(chunks: Iterable[bytes], limit: int = LIMIT) -> Conversation:
    """Return a whole conversation with a service of its own."""
    app = create_app(Settings(max_body_bytes=limit), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> Conversation:
        async with app.router.lifespan_context(app):
            conversation = Conversation(chunks)
            await converse(app, conversation)
            assert app.state.flow.requests == app.state.flow.streams == 0
            return conversation

    return asyncio.run(go())


GOOD = st.text(min_size=1, max_size=20).map(lambda t: (json.dumps({"text": "x" + t}), 200))
BAD = st.sampled_from(
    [
        ("{", 400),
        ("[]", 422),
        ('{"text": 5}', 422),
        ('{"text": "fail"}', 500),
        (json.dumps({"text": "x", CANARY: CANARY}), 422),
        (json.dumps({"text": "x" * LIMIT}), 413),
        ("\udcff", 400),  # a byte that is not UTF-8
        (" \r", 0),
        ("", 0),
    ]
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(GOOD, BAD), max_size=25),
    st.lists(st.integers(0, 100_000), max_size=12),
    st.booleans(),
)
def test_every_line_has_its_answer_in_order(
    lines: list[tuple[str, int]], cuts: list[int], last_feed: bool
) -> None:
    data = "\n".join(text for text, _ in lines).encode("utf-8", "surrogateescape")
    data += b"\n" * last_feed
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    found = conversed(data[a:b] for a, b in itertools.pairwise(edges))
    assert found.status == 200
    expected = [(number, status) for number, (_, status) in enumerate(lines, 1) if status]
    assert [(line["line"], line.get("status", 200)) for line in found.lines()] == expected
    assert CANARY.encode() not in found.body
    for line in found.lines():
        if "result" in line:
            assert set(line) == {"line", "result", "model", "notice"}
        else:
            assert set(line) - {"request_id"} == {
                "type",
                "title",
                "status",
                "detail",
                "errors",
                "line",
            }


def test_two_thousand_lines_in_constant_memory() -> None:
    line = json.dumps({"id": "a", "text": "word " * 40}).encode() + b"\n"
    app = create_app(Settings(), FakeClassifier())  # type: ignore[arg-type]

    async def peak(n_chunks: int) -> int:
        conversation = Conversation(line * 100 for _ in range(n_chunks))
        conversation.keep = False
        tracemalloc.reset_peak()
        await converse(app, conversation)
        assert (conversation.status, conversation.n_answers) == (200, n_chunks * 100)
        assert conversation.most_ahead < 500  # chunks of 100: one read, one held, one cut up
        return tracemalloc.get_traced_memory()[1]

    async def go() -> tuple[int, int]:
        async with app.router.lifespan_context(app):
            app.state.serving.current.begun = deque(maxlen=1)
            await converse(app, Conversation([line]))
            tracemalloc.start()
            peaks = await peak(3), await peak(20)
            tracemalloc.stop()
            return peaks

    short, long = asyncio.run(go())
    assert long < short + 300_000


def test_twenty_thousand_lines_in_constant_memory() -> None:
    """The same without the classifier, which takes most of the time."""
    flow = Flow(1, 10_000, 100.0)

    async def peak(n_lines: int) -> int:
        async def answer(line: Line) -> bytes:
            return b"%d\n" % line.number

        conversation = Conversation(b'"%s"\n' % (b"x" * 500) * 50 for _ in range(n_lines // 50))
        conversation.keep = False
        tracemalloc.reset_peak()
        await StreamAnswer(flow, answer)({}, conversation.receive, conversation.send)
        assert conversation.n_answers == n_lines
        return tracemalloc.get_traced_memory()[1]

    async def go() -> tuple[int, int]:
        tracemalloc.start()
        peaks = await peak(1_000), await peak(20_000)
        tracemalloc.stop()
        return peaks

    short, long = asyncio.run(go())
    flow.close()
    assert long < short + 100_000  # the long one is 10 MB


def test_no_more_is_read_than_the_client_takes() -> None:
    line = json.dumps({"text": "word"}).encode() + b"\n"
    app = create_app(Settings(), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> None:
        async with app.router.lifespan_context(app):
            conversation = Conversation(line for _ in range(1_000))
            conversation.take = asyncio.Event()
            running = asyncio.create_task(converse(app, conversation))
            window = 2 * app.state.flow.threads + 2
            while len(app.state.serving.current.begun) < window:
                await asyncio.sleep(0.001)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(app.state.serving.current.begun) == window
            assert conversation.n_read <= window + 4
            conversation.take.set()
            await running
            assert conversation.n_answers == 1_000

    asyncio.run(go())


def test_a_client_that_takes_nothing_is_let_go() -> None:
    app = create_app(Settings(deadline_seconds=0.2), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> None:
        async with app.router.lifespan_context(app):
            conversation = Conversation([b'{"text": "word"}\n'] * 50)
            conversation.take = asyncio.Event()
            await converse(app, conversation)
            assert conversation.n_answers == 0
            assert app.state.flow.dropped["client-gone"] == 1
            assert app.state.flow.streams == 0

    asyncio.run(go())


def test_a_line_past_its_deadline_and_those_after_it() -> None:
    app = create_app(Settings(deadline_seconds=0.3), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> None:
        fake = app.state.serving.current
        conversation = Conversation([b'{"text": "wait"}\n{"text": "b"}'])
        conversation_task = asyncio.create_task(converse(app, conversation))
        await asyncio.sleep(0.5)
        fake.gate.set()
        await conversation_task
        late, other = conversation.lines()
        assert (late["line"], late["status"]) == (1, 503)
        assert late["type"] == "urn:critech:problem:deadline-passed"
        assert other["line"] == 2

    async def all_of_it() -> None:
        async with app.router.lifespan_context(app):
            await go()

    asyncio.run(all_of_it())


def test_a_stream_in_which_nothing_comes_ends() -> None:
    app = create_app(Settings(deadline_seconds=0.1), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> None:
        async with app.router.lifespan_context(app):
            silent = Silent([])
            await converse(app, silent)
            (line,) = silent.lines()
            assert (line["status"], line["line"]) == (408, 0)
            assert line["detail"] == "No line came for 0.1 seconds."

    asyncio.run(go())


class Dripping(Conversation):
    """A client that sends a chunk every 20 ms."""

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return await super().receive()


@pytest.mark.parametrize("drop", [b"\n", b" \r\n\n", b" ", b"x"])
def test_what_is_no_line_does_not_keep_a_stream_open(drop: bytes) -> None:
    app = create_app(Settings(deadline_seconds=0.2), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> None:
        async with app.router.lifespan_context(app), asyncio.timeout(10):
            drip = Dripping(itertools.chain([b'{"text": "a"}\n'], itertools.repeat(drop)))
            await converse(app, drip)
            first, last = drip.lines()
            assert "result" in first
            assert (last["status"], last["line"]) == (408, 0)

    asyncio.run(go())


def test_lines_keep_a_stream_open() -> None:
    app = create_app(Settings(deadline_seconds=0.2), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> None:
        async with app.router.lifespan_context(app):
            drip = Dripping([b'{"text": "a"}\n', b"\n"] * 20)  # 0.8 seconds
            await converse(app, drip)
            assert ["result" in line for line in drip.lines()] == [True] * 20

    asyncio.run(go())


def test_a_stream_waits_for_room_in_place_of_being_refused() -> None:
    app = create_app(Settings(queue_tokens=10_000), FakeClassifier())  # type: ignore[arg-type]

    async def go() -> None:
        async with app.router.lifespan_context(app):
            queue = app.state.flow.queue
            queue.enter(8_000)
            line = json.dumps({"text": "word " * 2_000}).encode()  # 2,508 tokens
            large = json.dumps({"text": "word " * 9_000}).encode()
            conversation = Conversation([line + b"\n", large])
            running = asyncio.create_task(converse(app, conversation))
            while conversation.n_read >= 0:
                await asyncio.sleep(0)
            for _ in range(50):
                await asyncio.sleep(0)
            assert app.state.serving.current.begun == []
            queue.leave(8_000, finished=True)
            app.state.flow._left.set()
            await running
            done, refused = conversation.lines()
            assert "result" in done
            assert (refused["status"], refused["line"]) == (413, 2)

    asyncio.run(go())


def test_a_client_that_goes_away_frees_its_work() -> None:
    fake = FakeClassifier()
    app = create_app(Settings(), fake)  # type: ignore[arg-type]
    lines = b"".join(json.dumps({"id": str(i), "text": "wait"}).encode() + b"\n" for i in range(99))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
    with serving_app(app) as address:
        with connected(address) as client:
            client.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            client.sendall(b"%x\r\n" % len(lines) + lines + b"\r\n")
            assert fake.first_begun.wait(30)
            assert app.state.flow.streams == 1
        until(lambda: app.state.flow.streams == 0)
        fake.gate.set()
        until(lambda: app.state.flow.requests == 0)
        assert app.state.flow.dropped["client-gone"] == 1
    assert fake.begun == ["0"]


def test_answers_come_while_the_client_sends() -> None:
    app = create_app(Settings(), FakeClassifier())  # type: ignore[arg-type]
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
    with serving_app(app) as address, connected(address) as client:
        client.sendall(f"{head}Expect: 100-continue\r\n".encode())
        client.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        reader = client.makefile("rb")
        assert reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        for i in range(3):
            line = b'{"id": "%d", "text": "a"}\n' % i
            client.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            while b'"line"' not in (found := reader.readline()):
                assert found
            assert json.loads(found)["result"]["id"] == str(i)
        client.sendall(b"0\r\n\r\n")
        assert reader.readline() == b"\r\n"
        assert reader.readline() == b"0\r\n"


def test_its_length_is_not_limited_but_that_of_a_line_is(classifier: Classifier) -> None:
    lines = [json.dumps({"text": f"A torpedo {i}."}) for i in range(30)]
    lines[7] = json.dumps({"text": "x" * 1_000})
    body = "\n".join(lines).encode()
    assert len(body) > 1_000
    with TestClient(create_app(Settings(max_body_bytes=1_000), classifier)) as client:
        answer = client.post(f"{PATH}?top_k=1", content=body, headers=NDJSON)
        found = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["line"] for line in found if "status" in line] == [8]
    assert found[7]["detail"] == "The line is longer than 1000 bytes."


def test_results_are_those_of_classify(client: TestClient) -> None:
    answer = client.post(
        f"{PATH}?top_k=null&min_score=0.1&explain=true&as_of=2024-06-01&taxonomies=jp-critical-20"
        "&taxonomies=us-ecra-14",
        content=f"{json.dumps(EXAMPLE_EN)}\n{json.dumps(EXAMPLE_JA)}\n".encode(),
        headers=NDJSON,
    )
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    found = [json.loads(line) for line in answer.text.splitlines()]
    body = {
        "documents": [EXAMPLE_EN, EXAMPLE_JA], "top_k": None, "min_score": 0.1, "explain": True,
        "as_of": "2024-06-01", "taxonomies": ["jp-critical-20", "us-ecra-14"],
    }  # fmt: skip
    whole = client.post("/v1/classify", json=body).json()
    assert [line["result"] for line in found] == whole["results"]
    for number, line in enumerate(found, 1):
        assert line["line"] == number
        assert {"model": line["model"], "notice": line["notice"]} == {
            "model": whole["model"], "notice": whole["notice"],
        }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "field"),
    [("top_k=0", "top_k"), ("min_score=x", "min_score"), ("taxonomies=no", "taxonomies[0]"),
     ("as_of=1", "as_of"), ("explain=7", "explain"), (f"{CANARY}=1", "query")],
)  # fmt: skip
def test_options_are_checked_before_a_line_is_read(
    client: TestClient, query: str, field: str
) -> None:
    answer = client.post(f"{PATH}?{query}", content=b"{}", headers=NDJSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert CANARY not in answer.text


def test_another_media_type(client: TestClient) -> None:
    answer = client.post(PATH, json=EXAMPLE_EN)
    assert answer.status_code == 415
    assert "application/x-ndjson" in answer.json()["detail"]


def test_nothing_in_nothing_out(client: TestClient) -> None:
    answer = client.post(PATH, content=b"\n \n", headers=NDJSON)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_failing_line_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    found = conversed([json.dumps({"text": f"fail {CANARY}"}).encode(), b'\n{"text": "b"}'])
    assert [line.get("status") for line in found.lines()] == [500, None]
    assert CANARY.encode() not in found.body
    assert "unexpected RuntimeError" in caplog.text
    assert CANARY not in caplog.text


@pytest.fixture
def guarded(classifier: Classifier, tmp_path: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
    made = {scope: new_key(scope, (scope,)) for scope in (Scope.CLASSIFY, Scope.SCREEN)}
    update_keys(
        tmp_path / "k", lambda _: KeyFile(keys=tuple(record for record, _ in made.values()))
    )
    app = create_app(Settings(keys_file=tmp_path / "k", concurrency_limit=1), classifier)
    with TestClient(app) as client:
        yield client, {scope: token for scope, (_, token) in made.items()}


def test_it_needs_the_scope_classify(guarded: tuple[TestClient, dict[str, str]]) -> None:
    client, tokens = guarded
    codes = []
    for headers in ({}, {"X-API-Key": tokens["screen"]}, {"X-API-Key": tokens["classify"]}):
        for _ in range(2):  # one at a time is let in again and again
            answer = client.post(PATH, content=b'{"text": "a"}', headers={**NDJSON, **headers})
            codes.append(answer.status_code)
    assert codes == [401, 401, 403, 403, 200, 200]


def test_openapi_tells_of_both_kinds_of_line(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"][PATH]["post"]
    (body,) = operation["requestBody"]["content"].items()
    assert body[0] == "application/x-ndjson"
    assert body[1]["schema"]["required"] == ["text"]
    schema = operation["responses"]["200"]["content"]["application/x-ndjson"]["schema"]
    line, problem = schema["anyOf"]
    assert set(line["properties"]) == {"line", "result", "model", "notice"}
    assert "line" in problem["properties"]
    for part in line["properties"].values():
        if "$ref" in part:
            assert part["$ref"].rpartition("/")[2] in document["components"]["schemas"]
