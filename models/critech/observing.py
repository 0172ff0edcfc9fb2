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
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from critech.scorer import Scored
    from critech.screening.results import FilingResult

Stage = Literal["queue", "wait", "inference", "evidence", "audit"]
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


def timed_map(
    name: Stage,
    pool_map: Callable[..., Iterable[Any]],
    function: Callable[..., Result],
    *rows: Sequence[Any],
) -> list[Result]:
    """Return ``list(pool_map(function, *rows))``. Reported are two stages: ``wait``, until the pool
    took up the first item, and from there to the end of the last one the stage of this name."""
    told = _OBSERVER.get()
    if told is None or not rows[0]:
        return list(pool_map(function, *rows))
    begun: list[int] = []

    def timed(*items: Any) -> Result:
        if not begun:
            begun.append(perf_counter_ns())
        return function(*items)

    handed_in = perf_counter_ns()
    found = list(pool_map(timed, *rows))
    told.stage("wait", handed_in, begun[0], len(found))
    told.stage(name, begun[0], perf_counter_ns(), len(found))
    return found
