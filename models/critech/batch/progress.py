"""How a run shows itself on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from critech.batch.tally import Tally
from critech.batch.watching import Watcher

PLAIN_SECONDS = 10.0
BAR_SECONDS = 0.2


class Rate:
    """Items a second since the work began, without those of earlier runs; and the time left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self.before = 0

    def begin(self, done: int) -> None:
        """Begin to count, with so many done before."""
        self._started, self.before = self._clock(), done

    def elapsed(self) -> float:
        """Return the seconds since the work began."""
        return self._clock() - self._started

    def of(self, done: int) -> float:
        """Return items a second."""
        return (done - self.before) / max(self.elapsed(), 1e-9)

    def left(self, done: int, total: int | None) -> float | None:
        """Return the seconds left, None when the total, or the rate, is not known."""
        rate = self.of(done)
        return None if total is None or rate <= 0 else max(0, total - done) / rate


class Progress(Watcher):
    """Common to both forms: ``total`` may become known while the work goes on."""

    seconds = PLAIN_SECONDS

    def __init__(self, total: Callable[[], int | None], stream: TextIO | None = None) -> None:
        self.rate = Rate()
        self._total = total
        self._stream = stream or sys.stderr
        self._shown = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the display."""

    def verified(self, shards: int) -> None:
        """Tell how much of the earlier work is checked, from time to time."""
        self._sometimes(lambda: self.say(f"checked {shards} finished shards"))

    def skipped(self, items: int) -> None:
        """Tell how much of the input is passed over, from time to time."""
        self._sometimes(lambda: self.say(f"{items} records were done before"))

    def begun(self, tally: Tally, finished: bool) -> None:
        """Tell what earlier runs have done."""
        self.rate.begin(tally.records)
        if finished:
            self.say(f"an earlier run did all {tally.records} records: nothing is left to do")
        elif tally.records:
            self.say(f"going on after {tally.records} records of an earlier run")

    def made_anew(self, quarantine: Path, what: str) -> None:
        """Tell that the quarantine is made anew."""
        self.say(f"{quarantine} {what} since the run was finished: made anew from the input")

    def counted(self, tally: Tally) -> None:
        """Show the counts, from time to time."""
        self._sometimes(lambda: self.show(tally, self._total()))

    def say(self, message: str) -> None:
        """Write one line."""
        print(message, file=self._stream, flush=True)

    def show(self, tally: Tally, total: int | None) -> None:
        """Show the counts."""
        raise NotImplementedError

    def _sometimes(self, act: Callable[[], None]) -> None:
        now = time.monotonic()
        if now - self._shown >= self.seconds:
            self._shown = now
            act()


class Plain(Progress):
    """A line every ten seconds."""

    def show(self, tally: Tally, total: int | None) -> None:
        """Write a line with what is done, rate, time left, errors and flags."""
        done = tally.records
        left = self.rate.left(done, total)
        of = "" if total is None else f" of {total}"
        ends = "" if left is None else f", {duration(left)} left"
        self.say(
            f"{done}{of} records, {self.rate.of(done):.1f}/s{ends}, "
            f"{tally.n_rejected} rejected, {tally.flagged} flagged"
        )


class Quiet(Progress):
    """Nothing at all."""

    def say(self, message: str) -> None:
        """Write nothing."""

    def show(self, tally: Tally, total: int | None) -> None:
        """Show nothing."""


class Bar(Progress):
    """A bar of rich with rate, time left, errors and flags."""

    seconds = BAR_SECONDS

    def __enter__(self) -> Progress:
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[state]}"),
            console=Console(file=self._stream),
            transient=True,
        )
        self._task = self._bar.add_task("records", total=None, state="")
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bar.stop()

    def say(self, message: str) -> None:
        """Write one line above the bar."""
        self._bar.console.print(message, markup=False, highlight=False)

    def show(self, tally: Tally, total: int | None) -> None:
        """Move the bar."""
        done = tally.records
        left = self.rate.left(done, total)
        state = f"{self.rate.of(done):.1f}/s"
        state += "" if left is None else f", {duration(left)} left"
        state += f", {tally.n_rejected} rejected, {tally.flagged} flagged"
        self._bar.update(self._task, completed=done, total=total, state=state)


def progress_for(
    quiet: bool, plain: bool, total: Callable[[], int | None], stream: TextIO | None = None
) -> Progress:
    """Return the form that fits: nothing when ``quiet``, the bar on a terminal unless ``plain``."""
    stream = stream or sys.stderr
    if quiet:
        return Quiet(total, stream)
    return Plain(total, stream) if plain or not stream.isatty() else Bar(total, stream)


def duration(seconds: float) -> str:
    """Return hours, minutes and seconds, the larger units only where needed."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
