"""The shard that is being filled: rows, rejected records and counts of a range of input items."""

from __future__ import annotations

from typing import Any

from critech.batch.budget import Budget
from critech.batch.digests import InputDigest
from critech.batch.disk import Disk, file_digest
from critech.batch.formats import OutputFormat
from critech.batch.journal import ShardEntry
from critech.batch.pipeline import Outcome
from critech.batch.quarantine import quarantine_line
from critech.batch.records import Rejected
from critech.batch.tally import Tally
from critech.batch.work import WorkFolder


class Shard:
    """Outcomes from item ``start`` on, held until ``save``."""

    def __init__(self, number: int, start: int, form: OutputFormat) -> None:
        self.number = number
        self.start = start
        self.tally = Tally()
        self._form = form
        self._rows: list[Any] = []
        self._rejected: list[bytes] = []
        self._digest = InputDigest()
        self._size = 0

    def add(self, outcome: Outcome) -> None:
        """Take an outcome in."""
        self._digest.add(outcome.item)
        self.tally.add(outcome.result, outcome.seconds)
        if isinstance(outcome.result, Rejected):
            self._rejected.append(quarantine_line(outcome.result))
            return
        row, size = self._form.encode(outcome.result)
        self._rows.append(row)
        self._size += size

    def is_full(self, rows: int, budget: Budget) -> bool:
        """Return whether it is time to save."""
        return self.tally.records >= rows or self._size >= budget.shard

    def save(self, work: WorkFolder, disk: Disk) -> ShardEntry:
        """Write the files of the shard and return its line of the journal."""
        path, rejected = work.shard(self.number), work.rejected(self.number)
        with disk.create(path) as file:
            self._form.write(self._rows, file)
        if self._rejected:
            with disk.create(rejected) as file:
                file.writelines(self._rejected)
        return ShardEntry(
            number=self.number,
            start=self.start,
            end=self.start + self.tally.records,
            digest=file_digest(path) or "",
            rejected_digest=file_digest(rejected) if self._rejected else None,
            input_digest=self._digest.hex(),
            tally=self.tally.as_dict(),
        )
