"""The shadow bundle: counts its disagreements, delays nobody, keeps nothing."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from bundle_edits import passes, variant
from critech import Classifier, Document
from critech.classifier import Options
from critech.errors import BundleError, InputError
from critech.results import ModelRef
from critech.screening.filing import Filing
from critech.screening.screen import Screener
from critech_service import shadow as shadow_module
from critech_service.app import create_app
from critech_service.disagreements import Disagreements, Outlook, outlooks
from critech_service.loading import load_classifier, load_shadow
from critech_service.schemas import CLASSIFY_EXAMPLE
from critech_service.screen_schemas import SCREEN_EXAMPLE
from critech_service.settings import Settings
from critech_service.shadow import ROOM, Shadow

pytestmark = pytest.mark.usefixtures("untested")
NEAR = ("127.0.0.1", 50_000)
MODEL = ModelRef("m", "1", "sha256:0")
CANARY = "zyxcanary"
TEXTS = [f"A rocket motor with {i} grains and a solid propellant." for i in range(6)]


@pytest.fixture(scope="module")
def other(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with other scores than the tiny one."""
    return variant(tiny_bundle, tmp_path_factory.mktemp("shadow") / "other", "2", 3.0)


@pytest.fixture
def tiny(tiny_bundle: Path) -> Iterator[Classifier]:
    with Classifier.load(tiny_bundle, 1) as loaded:
        yield loaded


@pytest.fixture
def shadow(other: Path) -> Iterator[Shadow]:
    at_work = Shadow(Classifier.load(other, 1), 1.0)
    yield at_work
    at_work.close()


def test_counts_are_those_of_both_bundles_side_by_side(
    tiny: Classifier, shadow: Shadow, other: Path
) -> None:
    """Recounted here from the answers of both, which the shadow never sees together."""
    with TestClient(create_app(Settings(), tiny, shadow), client=NEAR) as client:
        for text in TEXTS:
            client.post("/v1/classify", json={"documents": [{"text": text}], "top_k": 1})
        client.post("/v1/screen", json=SCREEN_EXAMPLE)
        shadow.drain()
        found = client.get("/v1/admin/shadow").json()
    (against,) = found["against"]
    assert against["model"] == tiny.model.as_dict()
    assert found["model"]["version"] == "2"
    assert (found["dropped"], found["failed"], found["waiting"]) == (0, 0, 0)
    assert (against["documents"], against["filings"]) == (len(TEXTS), 1)
    with Classifier.load(other, 1) as second:
        both = [one.classify(TEXTS, Options(top_k=None)).results for one in (tiny, second)]
    for entry in against["taxonomies"]:
        decided, best = 0, 0
        for served, seen in zip(*both, strict=True):
            ours, theirs = (next(t for t in r.taxonomies if t.id == entry["id"]) for r in (served, seen))  # fmt: skip  # noqa: E501
            decided += {x.code: x.decision for x in ours.all_labels()} != {
                x.code: x.decision for x in theirs.all_labels()
            }
            best += ours.labels[0].code != theirs.labels[0].code
        assert entry["documents"] == len(TEXTS)
        assert entry["decision_differs"] == decided
        assert entry["top_1_differs"] == best
    assert sum(entry["decision_differs"] for entry in against["taxonomies"]) > 0


def test_the_same_bundle_never_disagrees(tiny: Classifier, tiny_bundle: Path) -> None:
    same = Shadow(Classifier.load(tiny_bundle, 1), 1.0)
    with TestClient(create_app(Settings(), tiny, same), client=NEAR) as client:
        client.post("/v1/classify", json=CLASSIFY_EXAMPLE)
        client.post("/v1/screen", json=SCREEN_EXAMPLE)
        client.post("/annif/v1/projects/us-ecra-14-en/suggest", data={"text": TEXTS[0]})
        tensors = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": TEXTS[:2]}]}  # fmt: skip  # noqa: E501
        client.post("/v2/models/critech/infer", json=tensors)
        same.drain()
        (against,) = client.get("/v1/admin/shadow").json()["against"]
    assert against["documents"] == 2 + 1 + 2
    assert {(e["decision_differs"], e["top_1_differs"]) for e in against["taxonomies"]} == {(0, 0)}
    assert (against["verdict_differs"], sum(v["filings"] for v in against["verdicts"])) == (0, 1)
    same.close()


def test_off_by_default(tiny: Classifier) -> None:
    assert load_shadow(Settings()) is None
    with TestClient(create_app(Settings(), tiny), client=NEAR) as client:
        assert client.post("/v1/classify", json=CLASSIFY_EXAMPLE).status_code == 200
        assert client.get("/v1/admin/shadow").status_code == 404


def test_the_share_is_drawn_for_each_document(tiny: Classifier, other: Path) -> None:
    draws = iter([0.1, 0.3, 0.25, 0.0, 0.9, 0.2])
    sampled = Shadow(Classifier.load(other, 1), 0.25, draws.__next__)
    with TestClient(create_app(Settings(), tiny, sampled), client=NEAR) as client:
        client.post("/v1/classify", json={"documents": [{"text": text} for text in TEXTS]})
        sampled.drain()
    assert sampled.against[tiny.model].documents == 3  # 0.1, 0.0 and 0.2
    sampled.close()


class Blocked:
    """A classifier that waits until it is told to go on."""

    model = MODEL

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.began = threading.Event()

    def classify(self, *_: object) -> Any:
        self.began.set()
        assert self.go_on.wait(30)
        raise RuntimeError(CANARY)

    def close(self) -> None: ...


def test_answers_do_not_wait_and_what_has_no_room_is_dropped(tiny: Classifier) -> None:
    """The shadow stands still; every answer comes all the same."""
    blocked = Blocked()
    stuck = Shadow(blocked, 1.0)  # type: ignore[arg-type]
    with TestClient(create_app(Settings(), tiny, stuck), client=NEAR) as client:
        for _ in range(3):
            body = {"documents": [{"text": text} for text in TEXTS * 5]}
            assert client.post("/v1/classify", json=body).status_code == 200
        assert blocked.began.wait(30)
        assert (stuck.waiting, stuck.dropped) == (ROOM, 90 - ROOM)
        assert client.get("/v1/admin/shadow").json()["dropped"] == 90 - ROOM
        blocked.go_on.set()
        stuck.drain()
    assert (stuck.waiting, stuck.failed) == (0, ROOM)
    stuck.close()


def test_room_is_counted_in_characters_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_module, "ROOM_CHARACTERS", 100)
    blocked = Blocked()
    stuck = Shadow(blocked, 1.0)  # type: ignore[arg-type]
    stuck.classify(Document("x" * 60), {}, MODEL)
    stuck.classify(Document("x" * 60), {}, MODEL)
    stuck.screen(Filing("t", "x" * 50, claims="y"), None, "review", MODEL)
    stuck.classify(Document("x" * 40), {}, MODEL)
    assert (stuck.waiting, stuck.dropped) == (2, 2)
    blocked.go_on.set()
    stuck.drain()
    stuck.close()


def test_no_text_is_kept_or_logged(
    shadow: Shadow, tiny: Classifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    document = Document("".join([CANARY, " rocket"]), title=CANARY)
    scored = tiny.classify([document]).scored[0]
    shadow.classify(document, outlooks(tiny, scored), tiny.model)
    filing = Filing(CANARY, "".join([CANARY, " abstract"]), ipc=("F42B 15/01",))
    shadow.screen(filing, None, "review", tiny.model)
    shadow.drain()
    assert shadow.failed == 0
    gc.collect()
    assert CANARY not in str(shadow.as_dict()) + caplog.text
    for kept in (document, filing):
        holders = [one for one in gc.get_referrers(kept) if one is not sys._getframe()]
        assert not any("critech" in str(getattr(one, "__module__", "")) for one in holders)
        assert not any(callable(one) for one in holders)


def test_a_failure_is_counted_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    blocked = Blocked()
    blocked.go_on.set()
    failing = Shadow(blocked, 1.0)  # type: ignore[arg-type]
    failing.classify(Document(CANARY), {}, MODEL)
    failing.drain()
    assert failing.failed == 1
    assert CANARY not in caplog.text
    failing.close()


def test_what_waits_is_forgotten_at_the_end() -> None:
    blocked = Blocked()
    stuck = Shadow(blocked, 1.0)  # type: ignore[arg-type]
    for _ in range(5):
        stuck.classify(Document("x"), {}, MODEL)
    assert blocked.began.wait(30)
    threading.Timer(0.1, blocked.go_on.set).start()
    stuck.close()
    assert stuck.failed == 1


def test_verdicts_are_paired(shadow: Shadow, classifier: Classifier) -> None:
    filing = Filing("A scramjet", "A scramjet engine with an isolator.", ipc=("F02K 7/14",))
    (result,) = Screener(classifier).screen([filing], explain=False).results
    shadow.screen(filing, None, result.verdict, classifier.model)
    shadow.drain()
    (theirs,) = Screener(shadow.classifier).screen([filing], explain=False).results
    counts = shadow.against[classifier.model]
    assert counts.verdicts == {(result.verdict, theirs.verdict): 1}
    assert counts.verdict_differs == (result.verdict != theirs.verdict)


def test_counting() -> None:
    counts = Disagreements()
    one, two = Outlook({"01": "assigned"}, "01"), Outlook({"01": "possible"}, "02")
    counts.add_document({"a": one, "b": one, "gone": one}, {"a": two, "b": one, "new": two})
    counts.add_document({"a": one}, {"a": Outlook({"01": "assigned"}, "02")})
    counts.add_filing("review", "refer")
    counts.add_filing("review", "review")
    assert counts.as_dict() == {
        "documents": 2,
        "taxonomies": [
            {"id": "a", "documents": 2, "decision_differs": 1, "top_1_differs": 2},
            {"id": "b", "documents": 1, "decision_differs": 0, "top_1_differs": 0},
        ],
        "filings": 2,
        "verdict_differs": 1,
        "verdicts": [
            {"served": "review", "shadow": "refer", "filings": 1},
            {"served": "review", "shadow": "review", "filings": 1},
        ],
    }


def test_counts_are_kept_for_the_last_bundles_that_answered(shadow: Shadow) -> None:
    for i in range(12):
        shadow.classify(Document("A pump."), {}, ModelRef("m", str(i), f"sha256:{i}"))
    shadow.drain()
    assert [model.version for model in shadow.against] == [str(i) for i in range(4, 12)]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_its_threads_let_others_go_first(other: Path) -> None:
    with Classifier.load(other, 1) as ordinary:
        usual = ordinary._pool.submit(_priority).result()
    settings = Settings(shadow_bundle=other)
    at_work = load_shadow(settings, passes)
    assert at_work is not None
    assert at_work.share == 0.1
    assert at_work.classifier._pool.submit(_priority).result() == 19 > usual
    at_work.close()


def _priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_shadow_that_cannot_serve_ends_the_start(other: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="self-test"):
        load_shadow(Settings(shadow_bundle=other))
    with pytest.raises(BundleError, match="cannot be read"):
        load_shadow(Settings(shadow_bundle=tmp_path))


def test_two_places_for_the_bundle_are_refused(other: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="setting bundles_dir: give this or bundle"):
        load_classifier(Settings(bundle=other, bundles_dir=tmp_path), passes)
    with pytest.raises(BundleError, match="found a folder without one"):
        load_classifier(Settings(bundles_dir=tmp_path), passes)
    with pytest.raises(InputError, match="cannot be read"):
        load_classifier(Settings(bundle=other, bundle_key=tmp_path / "no.pub"), passes)
