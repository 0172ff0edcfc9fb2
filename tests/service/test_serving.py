"""The holder of the classifier: leases, exchange, and memory given back."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest

from bundle_edits import variant
from critech import Classifier
from critech_service import serving as serving_module
from critech_service.serving import Serving


class Stub:
    """What the holder needs of a classifier."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        assert not self.closed.is_set(), "closed twice"
        self.closed.set()


def serving(owned: bool = True) -> tuple[Serving, Stub]:
    stub = Stub()
    return Serving(stub, owned), stub  # type: ignore[arg-type]


def test_a_lease_keeps_its_classifier_open() -> None:
    holder, old = serving()
    first, second = holder.lease(), holder.lease()
    new = Stub()
    holder.exchange(new)  # type: ignore[arg-type]
    assert holder.current is new
    assert first.classifier is second.classifier is old
    with holder.lease() as later:
        assert later is new
    first.release()
    first.release()  # counts once
    assert not old.closed.wait(0.05)
    second.release()
    assert old.closed.wait(10)
    assert not new.closed.is_set()


def test_without_leases_the_old_one_is_closed_at_once() -> None:
    holder, old = serving()
    new = Stub()
    holder.exchange(new)  # type: ignore[arg-type]
    assert old.closed.wait(10)
    holder.close()
    assert new.closed.is_set()


def test_a_borrowed_classifier_is_not_closed() -> None:
    holder, borrowed = serving(owned=False)
    holder.close()
    holder, borrowed = serving(owned=False)
    holder.exchange(Stub())  # type: ignore[arg-type]
    assert not borrowed.closed.wait(0.05)


def test_what_comes_after_the_end_is_closed() -> None:
    holder, old = serving()
    holder.close()
    late = Stub()
    holder.exchange(late)  # type: ignore[arg-type]
    assert late.closed.wait(10)
    assert old.closed.is_set()


def test_many_threads_and_exchanges(monkeypatch: pytest.MonkeyPatch) -> None:
    """No classifier is closed while leased, and each but the last is closed once."""
    monkeypatch.setattr(serving_module, "give_back", lambda: None)  # slow beside all the tests
    holder, first = serving()
    made, errors, stop = [first], [], threading.Event()

    def work() -> None:
        while not stop.is_set():
            with holder.lease() as classifier:
                if any(classifier.closed.wait(0) for _ in range(20)):  # type: ignore[attr-defined]
                    errors.append("closed while leased")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        made.append(Stub())
        holder.exchange(made[-1])  # type: ignore[arg-type]
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(stub.closed.wait(10) for stub in made[:-1])
    assert not made[-1].closed.is_set()


def test_the_memory_of_the_old_bundle_is_given_back(tiny_bundle: Path, tmp_path: Path) -> None:
    holder = Serving(Classifier.load(tiny_bundle, 1))
    lease = holder.lease()
    gone = [weakref.ref(part) for part in
            (holder.current, holder.current.bundle, holder.current.scorer.encoder)]  # fmt: skip
    holder.exchange(Classifier.load(variant(tiny_bundle, tmp_path / "v2", "2"), 1))
    lease.classifier.classify(["A pump."])
    gc.disable()
    lease.release()
    for thread in threading.enumerate():
        if thread.name == "critech-retire":
            thread.join(10)
    gc.enable()
    assert [ref() for ref in gone] == [None, None, None]
    holder.close()


@pytest.mark.parametrize("owned", [True, False])
def test_current_is_what_was_handed_in(owned: bool) -> None:
    holder, stub = serving(owned)
    assert holder.current is stub
