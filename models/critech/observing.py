"""Who is told how long the stages of the work took and what came of them.

The core does not know metrics or traces. It reports to the observer of the context it runs in, if
there is one; worker threads that are started with a copy of the context report to the same one.
An observer is told times, scores and verdicts, and never a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from critech.encoder import Run
    from critech.scorer import Scored
    from critech.screening.results import FilingResult

Stage = Literal["queue", "wait", "inference", "evidence", "audit"]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Observer(Protocol):
    """What the core reports to. Called from any thread; must not raise."""

    def stage(self, name: Stage, started: int, ended: int, n_items: int) -> None:
        """Take note of a finished stage; times are those of ``perf_counter_ns``."""

    def scored(self, found: Sequence[Scored], label_ids: Sequence[str]) -> None:
        """Take note of what texts gave; ``label_ids`` are in the order of their decisions."""

    def screened(self, found: Sequence[FilingResult]) -> None:
        """Take note of the verdicts on filings."""


_OBSERVER: ContextVar[Observer | None] = ContextVar("critech_observer", default=None)


def observer() -> Observer | None:
    """Return the observer of this context."""
    return _OBSERVER.get()


@contextmanager
def observed_by(observer: Observer | None) -> Iterator[None]:
    """Report to an observer within the block, with None to nobody."""
    token = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


@contextmanager
def stage(name: Stage, n_items: int = 1) -> Iterator[None]:
    """Report how long the block took, unless it raises or has no items to work on."""
    started = perf_counter_ns()
    yield
    if n_items and (told := _OBSERVER.get()) is not None:
        told.stage(name, started, perf_counter_ns(), n_items)


@contextmanager
def timed_run(name: Stage, run: Run, n_items: int) -> Iterator[Run]:
    """Hand out ``run`` for the block. Reported are two stages: ``wait``, until it took up the first
    item, and from there to the end of the block the stage of this name."""
    told = _OBSERVER.get()
    if told is None or not n_items:
        yield run
        return
    begun: list[int] = []

    def noted(function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterable[Result]:
        def noting(item: Item) -> Result:
            if not begun:
                begun.append(perf_counter_ns())
            return function(item)

        return run(noting, items)

    handed_in = perf_counter_ns()
    yield noted
    started = begun[0] if begun else handed_in
    told.stage("wait", handed_in, started, n_items)
    told.stage(name, started, perf_counter_ns(), n_items)
