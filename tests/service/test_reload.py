"""Another bundle while requests run: nothing lost or mixed, and the old one kept on failure."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from bundle_edits import passes, variant
from critech import Classifier
from critech.bundle import ARRAYS, METRICS
from critech.bundle.pointer import POINTER, write_pointer
from critech.classifier import Options
from critech.errors import BundleError
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.loading import bundle_path, load_classifier
from critech_service.reloading import Reloader, ReloadRefusedError, ReloadRunningError
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.serving import Serving
from critech_service.settings import Settings, read_settings

NEAR = ("127.0.0.1", 50_000)
TEXTS = [f"A pump with {i} pistons and a torpedo tube." for i in range(4)]


@pytest.fixture
def bundles(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundles directory with two bundles whose scores differ; the first is current."""
    for i, shift in enumerate((0.0, 2.5)):
        variant(tiny_bundle, tmp_path / f"v{i}", f"{i}", shift)
    write_pointer(tmp_path, ["v0"])
    return tmp_path


@pytest.fixture
def app(bundles: Path) -> FastAPI:
    settings = Settings(bundles_dir=bundles, threads=2)
    return create_app(settings, load=partial(load_classifier, settings, passes))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, client=NEAR) as ready:
        yield ready


def is_problem(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


def served(client: TestClient) -> str:
    body = {"documents": [{"text": TEXTS[0]}]}
    version: str = client.post("/v1/classify", json=body).json()["model"]["version"]
    return version


def test_exchange_and_back(client: TestClient, bundles: Path) -> None:
    assert served(client) == "0"
    answer = client.post("/v1/admin/reload")
    assert answer.json()["status"] == "unchanged"
    write_pointer(bundles, ["v1", "v0"])
    assert served(client) == "0"  # until somebody says so
    body = client.post("/v1/admin/reload").json()
    assert (body["status"], body["model"]["version"], body["previous"]["version"]) == (
        "exchanged", "1", "0",
    )  # fmt: skip
    assert served(client) == "1"
    assert client.get("/v1/model").json()["version"] == "1"
    assert client.get("/readyz").json()["model"] == body["model"]
    assert client.get("/v2/models/critech").json()["versions"] == ["1"]
    assert client.get("/v2/models/critech/versions/0").status_code == 404
    write_pointer(bundles, ["v0"])
    assert client.post("/v1/admin/reload").json()["model"]["version"] == "0"
    assert served(client) == "0"


def spoil(bundles: Path) -> None:
    (bundles / "v1" / METRICS).write_bytes(b"{}")


def swap(bundles: Path) -> None:
    (bundles / "v0" / ARRAYS).replace(bundles / "v1" / ARRAYS)


def unpoint(bundles: Path) -> None:
    (bundles / POINTER).unlink()


def unsettle(bundles: Path) -> None:
    (bundles / POINTER).write_bytes(b"../..\n")


@pytest.mark.parametrize(
    ("damage", "why"),
    [(spoil, "metrics.json: has another SHA-256"), (swap, "arrays.npz: has another SHA-256"),
     (unpoint, "(setting bundles_dir): is missing"), (unsettle, "current: is damaged")],
)  # fmt: skip
def test_a_broken_bundle_is_refused_and_the_old_one_serves(
    client: TestClient, bundles: Path, damage: Callable[[Path], None], why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    write_pointer(bundles, ["v1"])
    damage(bundles)
    detail = is_problem(client.post("/v1/admin/reload"), 424)
    assert detail.startswith("The old bundle is kept.")
    assert why in detail
    assert why in caplog.text
    assert served(client) == "0"
    assert client.get("/readyz").status_code == 200


def test_a_bundle_that_fails_the_self_test_is_refused(bundles: Path) -> None:
    settings = Settings(bundles_dir=bundles, threads=1)
    serving = Serving(load_classifier(settings, passes))
    reloader = Reloader(serving, partial(load_classifier, settings))  # knows nothing: not passed
    with pytest.raises(ReloadRefusedError, match="self-test: is not passed"):
        reloader.reload()
    assert (reloader.succeeded, reloader.failed) == (0, 1)
    assert serving.current.classify(TEXTS[:1]).model.version == "0"
    serving.close()


@pytest.mark.parametrize(
    ("error", "why"),
    [(MemoryError("canary"), "MemoryError"), (RuntimeError("canary"), "RuntimeError"),
     (BundleError("x", "is odd", 1, 2), "bundle x: is odd")],
)  # fmt: skip
def test_whatever_fails_the_old_bundle_is_kept(
    client: TestClient, error: Exception, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> Classifier:
        raise error

    client.app.state.reloader = Reloader(client.app.state.serving, load)  # type: ignore[attr-defined]
    detail = is_problem(client.post("/v1/admin/reload"), 424)
    assert why in detail
    assert "canary" not in detail + caplog.text
    assert served(client) == "0"


def test_the_second_of_two_reloads_is_refused_at_once(client: TestClient) -> None:
    begun, go_on = threading.Event(), threading.Event()
    state = client.app.state  # type: ignore[attr-defined]
    load = state.reloader._load

    def slow() -> Classifier:
        begun.set()
        assert go_on.wait(30)
        return load()  # type: ignore[no-any-return]

    state.reloader = Reloader(state.serving, slow)
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(client.post("/v1/admin/reload")))
    first.start()
    assert begun.wait(30)
    second = client.post("/v1/admin/reload")
    assert is_problem(second, 409) == "A reload is under way."
    assert second.headers["retry-after"] == "5"
    assert served(client) == "0"  # the service goes on meanwhile
    with pytest.raises(ReloadRunningError):
        state.reloader.reload()
    go_on.set()
    first.join(30)
    assert answers[0].status_code == 200


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, client=NEAR)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://testserver", timeout=60) as client,
    ):
        yield client


def expected(bundles: Path) -> dict[str, Any]:
    """What each bundle answers, by version."""
    found = {}
    for name in ("v0", "v1"):
        with Classifier.load(bundles / name, 1) as classifier:
            answer = classifier.classify(TEXTS, Options(top_k=None)).as_dict()
            found[classifier.model.version] = json.loads(json.dumps(answer))
    return found


def test_no_answer_is_lost_or_mixed_while_bundles_are_exchanged(
    app: FastAPI, bundles: Path
) -> None:
    known = expected(bundles)
    assert known["0"]["results"] != known["1"]["results"]
    body = {"documents": [{"text": text} for text in TEXTS], "top_k": None}
    tensors = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [4], "data": TEXTS}]}
    seen: list[str] = []

    async def classify(client: httpx2.AsyncClient) -> None:
        answer = await client.post("/v1/classify", json=body)
        assert answer.status_code == 200
        version = answer.json()["model"]["version"]
        assert answer.json() == known[version]
        seen.append(version)

    async def infer(client: httpx2.AsyncClient) -> None:
        answer = (await client.post("/v2/models/critech/infer", json=tensors)).json()
        version = answer["model_version"]
        scores = next(one["data"] for one in answer["outputs"] if one["name"] == "scores")
        own = {label["score"] for result in known[version]["results"]
               for taxonomy in result["taxonomies"]
               for top in taxonomy["labels"] for label in (top, *top["children"])}  # fmt: skip
        assert set(scores) == own
        assert answer["parameters"]["digest"] == known[version]["model"]["digest"]

    async def suggest(client: httpx2.AsyncClient) -> None:
        url = "/annif/v1/projects/jp-critical-20-en/suggest"
        answer = (await client.post(url, data={"text": TEXTS[0], "limit": "100"})).json()
        version = answer["critech"]["model"]["version"]
        labels = known[version]["results"][0]["taxonomies"][0]["labels"]
        assert sorted(one["score"] for one in answer["results"]) == sorted(
            label["score"] for label in labels
        )

    async def screen(client: httpx2.AsyncClient) -> None:
        answer = (await client.post("/v1/screen", json=SCREEN_EXAMPLE)).json()
        assert answer["provenance"]["bundle_digest"] == answer["model"]["digest"]

    async def client_of(client: httpx2.AsyncClient, ask: Any, stop: asyncio.Event) -> int:
        count = 0
        while not stop.is_set():
            await ask(client)
            count += 1
        return count

    async def main() -> list[int]:
        async with running(app) as client:
            stop = asyncio.Event()
            asks = [classify] * 6 + [infer, suggest, screen]
            tasks = [asyncio.create_task(client_of(client, ask, stop)) for ask in asks]
            for turn in range(8):
                write_pointer(bundles, [f"v{(turn + 1) % 2}"])
                answer = await client.post("/v1/admin/reload")
                assert answer.json()["status"] == "exchanged"
                await asyncio.sleep(0.05)
            stop.set()
            return await asyncio.gather(*tasks)

    counts = asyncio.run(main())
    assert min(counts) >= 1
    assert {"0", "1"} == set(seen)


# Who may


def test_without_keys_only_from_this_machine(app: FastAPI) -> None:
    with TestClient(app, client=("192.0.2.7", 50_000)) as far:
        for method, path in (("POST", "reload"), ("GET", "shadow")):
            is_problem(far.request(method, f"/v1/admin/{path}"), 403)
    with TestClient(app, client=NEAR) as near:
        page = near.post("/v1/admin/reload", headers={"Origin": "http://127.0.0.1:8000"})
        is_problem(page, 403)
        assert near.post("/v1/admin/reload").status_code == 200


def test_with_keys_the_scope_admin_is_needed(bundles: Path, tmp_path: Path) -> None:
    made = {scope: new_key(scope, (scope,)) for scope in Scope}
    path = tmp_path / "keys.json"
    update_keys(path, lambda _: KeyFile(keys=tuple(record for record, _ in made.values())))
    settings = Settings(bundles_dir=bundles, threads=1, keys_file=path)
    app = create_app(settings, load=partial(load_classifier, settings, passes))
    with TestClient(app, client=("192.0.2.7", 50_000)) as client:
        assert client.post("/v1/admin/reload").status_code == 401
        for scope, (_, token) in made.items():
            headers = {"Authorization": f"Bearer {token}"}
            status = client.post("/v1/admin/reload", headers=headers).status_code
            assert status == (200 if scope == Scope.ADMIN else 403)


def test_an_empty_bundles_directory_is_not_the_shipped_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRITECH_BUNDLES_DIR", "")
    where = re.escape(f"current in {tmp_path.resolve()} (setting bundles_dir): is missing")
    with pytest.raises(BundleError, match=where) as caught:
        bundle_path(read_settings({}))
    assert f"critech bundle install SOURCE --dir {tmp_path.resolve()}, found a folder" in str(
        caught.value
    )


def test_a_bundles_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"bundles-typo.*found no folder"):
        bundle_path(read_settings({"bundles_dir": tmp_path / "bundles-typo"}))


# By a signal, in the real server, on the shipped bundle


def test_sighup_reloads_and_a_refusal_is_logged(tmp_path: Path) -> None:
    from critech.bundle import default_path, read_bundle

    bundles = tmp_path / "bundles"
    bundles.mkdir()
    for version in ("8", "9"):
        variant(default_path(), bundles / f"v{version}", version)
    write_pointer(bundles, ["v8"])
    process = subprocess.Popen(
        [sys.executable, "-m", "critech.cli", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CRITECH_BUNDLES_DIR": str(bundles), "CRITECH_THREADS": "1"},
    )
    assert process.stderr is not None
    address = line_with(process, "running on ").split("running on ")[1].split()[0]
    assert ready(address)["version"] == "8"
    write_pointer(bundles, ["v9"])
    process.send_signal(signal.SIGHUP)
    assert read_bundle(bundles / "v9").digest in line_with(process, " serves")
    assert ready(address)["version"] == "9"
    (bundles / "v9" / METRICS).write_bytes(b"")
    process.send_signal(signal.SIGHUP)
    assert "metrics.json: has another SHA-256" in line_with(process, "is kept")
    assert ready(address)["version"] == "9"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    process.stderr.close()


def line_with(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError("the server ended")


def ready(address: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=30) as answer:
                return json.loads(answer.read())["model"]  # type: ignore[no-any-return]
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
