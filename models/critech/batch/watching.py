"""Who is told how a run goes on. By default nobody."""

from __future__ import annotations

from pathlib import Path

from critech.batch.tally import Tally


class Watcher:
    """Hears what a run does, from the thread that runs it."""

    def verified(self, shards: int) -> None:
        """So many finished shards are on the disk as they should be."""

    def skipped(self, items: int) -> None:
        """So many items of the input are done already and unchanged."""

    def begun(self, tally: Tally, finished: bool) -> None:
        """Work begins; ``tally`` is what earlier runs have done."""

    def made_anew(self, quarantine: Path, what: str) -> None:
        """The quarantine of a finished run was not as it had been written (``what`` says how), and
        is so again."""

    def counted(self, tally: Tally) -> None:
        """One more item is done; ``tally`` counts it."""
