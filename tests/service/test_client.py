"""The client against the real application, and against answers that are made up."""

import asyncio
import datetime as dt
import json
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import httpx2
import pytest
import uvicorn
from flow_waiting import until
from key_samples import RECORD, TOKEN
from live_server import serving_app
from pydantic import BaseModel

from critech import Classifier, Document
from critech.client import (
    AccessError,
    AnswerError,
    AsyncClient,
    BusyError,
    Client,
    InvalidRequestError,
    Retry,
    ServerError,
    UnreachableError,
    screen_shapes,
    shapes,
)
from critech.screening.filing import Conditions, Filing
from critech_service import schemas, screen_schemas
from critech_service.access.records import KeyFile
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import Settings

TEXTS = ["A scramjet engine with an isolator duct.", "量子鍵配送装置", "A drawer hinge."]
CANARY = "canary-81fd"
FAST = Retry(attempts=4, backoff=0.001, longest=1.0)


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def test_classify_answers_as_the_core_does(client: Client, classifier: Classifier) -> None:
    documents = [TEXTS[0], {"text": TEXTS[1], "id": "B"}, Document(TEXTS[2], ipc=("F02K 7/14",))]
    found = client.classify(documents, top_k=2, explain=True, taxonomies=["us-ecra-14"])
    assert [result["id"] for result in found["results"]] == [None, "B", None]
    assert found["model"]["digest"] == classifier.model.digest
    plain = client.classify(TEXTS, top_k=None, min_score=0.2)
    assert plain["results"] == json.loads(json.dumps(_core(classifier)))
    assert plain["results"][0]["taxonomies"][2]["labels"][0]["code"] == "10"


def _core(classifier: Classifier) -> Any:
    from critech.classifier import Options

    options = Options(top_k=None, min_score=0.2)
    return [one.as_dict() for one in classifier.classify(TEXTS, options).results]


def test_screen_takes_filings_and_mappings(client: Client) -> None:
    mapping = SCREEN_EXAMPLE["filings"][0]
    filing = Filing(
        mapping["title"],
        mapping["abstract"],
        mapping["id"],
        ipc=tuple(mapping["ipc"]),
        filing_date=dt.date.fromisoformat(mapping["filing_date"]),
        invented_in_japan="yes",
        already_public="no",
        conditions=Conditions(defence_use="yes"),
    )
    found = client.screen([mapping, filing], explain=False)["results"]
    assert [result["verdict"] for result in found] == ["refer", "refer"]
    assert found[0]["dates"] is not None
    assert found[1] == found[0]


def test_what_the_service_says_of_itself(client: Client, classifier: Classifier) -> None:
    heads = {head["id"]: head for head in client.taxonomies()}
    assert heads.keys() == classifier.taxonomies.keys()
    one = client.taxonomy("us-ecra-14")
    assert len(one["labels"]) == one["n_labels"] + one["n_sub_items"]
    assert client.model()["digest"] == classifier.model.digest
    health = client.health()
    assert health["ready"]
    assert health["model"]["digest"] == classifier.model.digest
    for shape, answer in (
        (shapes.Taxonomy, one),
        (shapes.TaxonomySummary, heads["us-ecra-14"]),
        (shapes.ModelDescription, client.model()),
    ):
        assert shape.__required_keys__ <= answer.keys()


def test_a_stream_gives_one_item_for_each_document(client: Client) -> None:
    documents = [{"text": TEXTS[i % 3], "id": str(i)} for i in range(70)]
    documents[5] = {"text": "", "id": "5"}
    documents[40] = {"text": "x", CANARY: CANARY}
    found = list(client.classify_stream(documents, window=8, top_k=1))
    assert [item.index for item in found] == list(range(70))
    wrong = {item.index: item.error for item in found if item.error is not None}
    assert wrong.keys() == {5, 40}
    assert all(isinstance(error, InvalidRequestError) for error in wrong.values())
    assert [error.field for error in wrong[5].errors] == ["text"]
    good = [item.result for item in found if item.result is not None]
    assert [result["id"] for result in good] == [str(i) for i in range(70) if i not in wrong]
    expected = client.classify([documents[0]], top_k=1)
    assert found[0].result == expected["results"][0]
    assert found[0].model == expected["model"]


def test_a_stream_reads_no_further_ahead_than_its_windows(client: Client) -> None:
    taken = 0

    def documents() -> Iterator[str]:
        nonlocal taken
        for i in range(10_000):
            taken += 1
            yield TEXTS[i % 3]

    stream = client.classify_stream(documents(), window=4, parallel=2, top_k=1)
    most = 0
    for n_answered, _ in zip(range(1, 25), stream, strict=False):
        most = max(most, taken - n_answered)
    stream.close()  # type: ignore[attr-defined]
    assert most <= 4 * 3
    assert taken < 50


def test_a_wrong_option_of_a_stream_is_raised(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        list(client.classify_stream(TEXTS, taxonomies=["no-such-list"]))
    assert refused.value.errors[0].field == "taxonomies[0]"


def test_problems_are_exceptions_without_what_was_sent(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.classify([{"text": "fine"}, {"text": 5, "title": CANARY}])
    error = refused.value
    assert (error.status, error.type) == (422, "urn:critech:problem:invalid-request")
    assert error.errors[0].field == "documents[1].text"
    assert error.request_id is not None
    assert error.detail in str(error)
    assert CANARY not in "".join(traceback.format_exception(error))
    with pytest.raises(InvalidRequestError) as missing:
        client.taxonomy("a/b")
    assert missing.value.status == 404


def test_a_single_text_is_refused_before_anything_is_sent(client: Client) -> None:
    message = "documents: expected an iterable of .*, got str; a single one goes in a list"

    async def ask() -> None:
        async with AsyncClient("http://127.0.0.1:9") as ours:
            with pytest.raises(TypeError, match=message):
                await ours.classify("laser")
            with pytest.raises(TypeError, match=message):
                [item async for item in ours.classify_stream("laser")]

    with pytest.raises(TypeError, match=message):
        client.classify("laser")
    with pytest.raises(TypeError, match=message):
        list(client.classify_stream("laser"))
    asyncio.run(ask())


def test_keys_are_sent_and_their_absence_is_told(
    classifier: Classifier, path: Path, untested: None
) -> None:
    update_keys(path, lambda _: KeyFile(keys=(RECORD,)))
    app = create_app(Settings(keys_file=path), classifier)
    with serving_app(app) as address:
        with Client(address, key=TOKEN) as client:
            assert len(client.classify(TEXTS)["results"]) == 3
            with pytest.raises(AccessError) as scope:
                client.screen(SCREEN_EXAMPLE["filings"])
            assert scope.value.status == 403
        with Client(address) as stranger, pytest.raises(AccessError) as unknown:
            stranger.classify(TEXTS)
        assert unknown.value.status == 401
    assert TOKEN not in repr(vars(client)) + str(scope.value) + str(unknown.value)


def test_a_unix_socket(classifier: Classifier, tmp_path: Path) -> None:
    import threading

    path = tmp_path / "s"
    config = uvicorn.Config(create_app(Settings(), classifier), uds=str(path), log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        with Client(uds=path) as client:
            assert client.health()["ready"]

        async def asked() -> bool:
            async with AsyncClient(uds=path) as client:
                return (await client.health())["ready"]

        assert asyncio.run(asked())
    finally:
        server.should_exit = True
        thread.join(30)


def test_the_asynchronous_client_is_the_same(classifier: Classifier, client: Client) -> None:
    async def documents() -> AsyncIterator[dict[str, Any]]:
        for i in range(20):
            yield {"text": TEXTS[i % 3] if i != 7 else "", "id": str(i)}

    async def asked() -> tuple[Any, ...]:
        app = create_app(Settings(), classifier)
        transport = httpx2.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            AsyncClient("http://testserver", transport=transport) as ours,
        ):
            stream = ours.classify_stream(documents(), window=6, top_k=1)
            return (
                await ours.classify(TEXTS, top_k=2),
                await ours.screen(SCREEN_EXAMPLE["filings"]),
                await ours.taxonomies(),
                await ours.taxonomy("us-ecra-14"),
                await ours.model(),
                await ours.health(),
                [item async for item in stream],
                [item async for item in ours.classify_stream(TEXTS, top_k=1)],
            )

    *answers, stream, of_list = asyncio.run(asked())
    assert answers == [
        client.classify(TEXTS, top_k=2),
        client.screen(SCREEN_EXAMPLE["filings"]),
        client.taxonomies(),
        client.taxonomy("us-ecra-14"),
        client.model(),
        client.health(),
    ]
    assert [item.index for item in stream] == list(range(20))
    assert [item.index for item in stream if item.error] == [7]
    assert [item.result for item in of_list] == [
        item.result for item in client.classify_stream(TEXTS, top_k=1)
    ]


Answer = Callable[[httpx2.Request], httpx2.Response]


def mocked(*answers: httpx2.Response | Exception) -> tuple[Client, list[httpx2.Request]]:
    """Return a client that gets these answers in turn, and the requests it sent."""
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        found = answers[min(len(sent), len(answers)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    return Client("http://test", transport=httpx2.MockTransport(answer), retry=FAST), sent


def refusal(status: int, after: str | None = None) -> httpx2.Response:
    body = {"type": "urn:x", "title": "t", "status": status, "detail": "d", "errors": []}
    headers = {"content-type": "application/problem+json"}
    if after is not None:
        headers["retry-after"] = after
    return httpx2.Response(status, headers=headers, content=json.dumps(body).encode())


PASSED = httpx2.Response(200, json={"results": [], "model": {}, "notice": {}})


@pytest.mark.parametrize("status", [429, 503])
def test_busy_is_asked_again_after_the_time_told(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("critech.client.sync_client.time.sleep", waits.append)
    client, sent = mocked(refusal(status, "1"), refusal(status), PASSED)
    assert client.classify(["a"])["results"] == []
    assert len(sent) == 3
    assert waits[0] >= 1.0
    assert 0 < waits[1] < 1.0
    assert {request.content for request in sent} == {sent[0].content}


def test_busy_for_ever_is_raised_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    client, sent = mocked(refusal(503))
    with pytest.raises(BusyError):
        client.classify(["a"])
    assert len(sent) == FAST.attempts
    client, sent = mocked(refusal(429, "3600"))
    with pytest.raises(BusyError) as busy:
        client.classify(["a"])
    assert len(sent) == 1
    assert busy.value.retry_after == 3600


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 415, 422, 424, 500])
def test_no_other_refusal_is_asked_again(status: int) -> None:
    client, sent = mocked(refusal(status, "0"))
    kind = ServerError if status == 500 else (InvalidRequestError, AccessError)
    with pytest.raises(kind) as refused:
        client.classify(["a"])
    assert refused.value.status == status
    assert len(sent) == 1


def test_a_connection_that_was_not_made_is_tried_again() -> None:
    client, sent = mocked(httpx2.ConnectError(CANARY), PASSED)
    client.screen([])
    assert len(sent) == 2


def test_a_screening_that_may_have_arrived_is_not_sent_again() -> None:
    client, sent = mocked(httpx2.ReadError(CANARY), PASSED)
    with pytest.raises(UnreachableError) as lost:
        client.screen([])
    assert (lost.value.kind, len(sent)) == ("cut", 1)
    client, sent = mocked(httpx2.ReadError(CANARY), PASSED)
    client.classify(["a"])
    assert len(sent) == 2


def test_a_time_out_is_not_asked_again_and_holds_no_request() -> None:
    client, sent = mocked(httpx2.ReadTimeout(CANARY))
    with pytest.raises(UnreachableError) as late:
        client.classify([CANARY])
    assert (late.value.kind, len(sent)) == ("timeout", 1)
    assert late.value.__context__ is None
    assert CANARY not in "".join(traceback.format_exception(late.value))


@pytest.mark.parametrize(
    "answer", [httpx2.Response(200, text=CANARY), httpx2.Response(302, text=CANARY)]
)
def test_an_answer_of_another_server_is_an_error(answer: httpx2.Response) -> None:
    client, _ = mocked(answer)
    with pytest.raises(AnswerError) as foreign:
        client.model()
    assert CANARY not in str(foreign.value)


def test_a_service_that_is_not_ready_is_no_error() -> None:
    body = {"type": "urn:x", "status": 503, "detail": "d", "checks": {"bundle": False}}
    client, sent = mocked(httpx2.Response(503, json=body))
    assert client.health() == {"ready": False, "checks": {"bundle": False}}
    assert len(sent) == 1
    client, _ = mocked(httpx2.Response(503, text="bad gateway"))
    with pytest.raises(AnswerError):
        client.health()


def test_a_proxy_of_the_environment_is_not_used(
    client: Client, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client(address, retry=Retry(attempts=1)) as ours:
        assert ours.health()["ready"]


@pytest.mark.parametrize(
    ("shape", "model"),
    [
        (shapes.ClassifyAnswer, schemas.ClassifyOut),
        (screen_shapes.ScreenAnswer, screen_schemas.ScreenOut),
    ],
)
def test_the_shapes_are_those_of_the_service(shape: Any, model: Any) -> None:
    assert _members(shape) == _members(model)


def _members(hint: Any) -> Any:
    """Return what JSON of a type looks like: keys, which are always there, and types."""
    origin, arguments = get_origin(hint), get_args(hint)
    if type(None) in arguments:
        rest = [one for one in arguments if one is not type(None)]
        return ("or null", *(_members(one) for one in rest))
    if origin is list:
        return ["list", _members(arguments[0])]
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        if hint is shapes.Label:  # its children are labels
            hints["children"] = list
        return {k: (k in hint.__required_keys__, _members(hints[k])) for k in sorted(hints)}
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        if hint.model_config.get("extra") == "allow":
            return "object"
        found = {}
        for name, field in sorted(hint.model_fields.items()):
            annotation: Any = field.annotation
            if hint is schemas.LabelOut and name == "children":
                annotation = list
            members = _members(annotation)
            if not field.is_required():
                (members,) = members[1:]  # absent rather than null
            found[name] = (field.is_required(), members)
        return found
    if origin is dict:
        return "object"
    return str(hint)
