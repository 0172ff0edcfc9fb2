"""A run: go on from what is finished, classify the rest shard by shard, put the output in place.

The order of the steps is what keeps a crash harmless. A shard's file is whole and synced before
the journal names it; a line of the journal is whole and synced before the next shard begins; the
output is in its place before the journal says so, and only then are the shards removed. Whatever
is done twice after a crash gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from critech.batch.budget import Budget
from critech.batch.digests import InputDigest
from critech.batch.disk import Disk, file_digest, file_facts
from critech.batch.errors import ChangedRunError, LostQuarantineError, TooManyErrorsError
from critech.batch.formats import OutputFormat
from critech.batch.journal import JournalFile
from critech.batch.pipeline import Pipeline
from critech.batch.quarantine import FromInput, what_happened_to
from critech.batch.records import Record, Rejected
from critech.batch.shard import Shard
from critech.batch.tally import Tally
from critech.batch.watching import Watcher
from critech.batch.work import WorkFolder, refuse_to_replace
from critech.batch.workers import Workers


@dataclass(frozen=True)
class Job:
    """What to make. ``settings`` are all that the output depends on beside the input, by name, as
    JSON values. ``quarantine`` is always written when ``keep_quarantine``, else only when a record
    is rejected. ``max_errors`` None allows any number. ``restart`` drops an earlier run."""

    out: Path
    form: OutputFormat
    settings: Mapping[str, Any]
    quarantine: Path
    keep_quarantine: bool
    budget: Budget
    shard_rows: int
    max_errors: int | None = None
    restart: bool = False


class Run:
    """One run of a job, to be used once. ``stopped`` is asked whether to stop early."""

    def __init__(
        self,
        job: Job,
        workers: Workers,
        watcher: Watcher,
        stopped: Callable[[], bool] = lambda: False,
        disk: Disk | None = None,
    ) -> None:
        self.job = job
        self.tally = Tally()
        self._workers = workers
        self._watcher = watcher
        self._stopped = stopped
        self._disk = disk or Disk()
        self._work = WorkFolder(job.out, job.form.suffix, self._disk)

    def to_end(self, items: Iterable[Record | Rejected]) -> bool:
        """Work through the items, all of the input from its start, and return whether the output
        is in its place: False when the run was stopped before. ``tally`` is then what it holds,
        the part of earlier runs included.

        Raise ChangedRunError, LostQuarantineError, StorageError, TooManyErrorsError and
        WorkerError; what was finished until then is kept in every case.
        """
        with self._work.held() as journal:
            self._prepare(journal)
            rest = iter(items)
            if journal.finished is not None:
                self._look_again(journal, rest)
                return True
            self._check_input(journal, rest)
            self._watcher.begun(self.tally, finished=False)
            self._check_errors(journal)
            self._classify(journal, rest)
            if self._stopped():
                return False
            self._put_in_place(journal)
            self._work.clear()
            return True

    def _look_again(self, journal: JournalFile, items: Iterator[Record | Rejected]) -> None:
        """Check the input of a finished run, and make its quarantine anew where that is not as it
        was written."""
        what = what_happened_to(self.job.quarantine, journal.quarantine)
        if what is None:
            self._check_whole_input(journal, items)
        else:
            self._make_quarantine_anew(journal, items, what)
        self._watcher.begun(self.tally, finished=True)
        self._work.clear()

    def _make_quarantine_anew(
        self, journal: JournalFile, items: Iterator[Record | Rejected], what: str
    ) -> None:
        self._work.tidy(journal.n_shards)
        anew = FromInput(self._work, self._disk)
        self._check_whole_input(journal, items, anew)
        if not anew.complete:
            self._work.clear()
            raise LostQuarantineError(self.job.quarantine, what)
        self._write_quarantine(journal)
        self._watcher.made_anew(self.job.quarantine, what)

    def _prepare(self, journal: JournalFile) -> None:
        """Make the journal, and the disk as it says."""
        if journal.settings is None or self.job.restart:
            if not self.job.restart:
                refuse_to_replace(self.job.out)
                refuse_to_replace(self.job.quarantine)
            journal.begin(self.job.settings)
        else:
            journal.check_settings(self.job.settings)
            if journal.finished is not None and self._is_in_place(journal.finished):
                return
            journal.cut(self._work.intact(journal.shards(), self._watcher.verified))
        self._work.tidy(journal.n_shards)

    def _is_in_place(self, digest: str) -> bool:
        found = file_digest(self.job.out)
        if found is not None and found != digest:
            raise ChangedRunError(f"{self.job.out} was changed since the run was finished")
        return found is not None

    def _check_whole_input(
        self,
        journal: JournalFile,
        items: Iterator[Record | Rejected],
        anew: FromInput | None = None,
    ) -> None:
        self._check_input(journal, items, anew)
        if next(items, None) is not None:
            raise ChangedRunError("the input has grown since the run was finished")

    def _check_input(
        self,
        journal: JournalFile,
        items: Iterator[Record | Rejected],
        anew: FromInput | None = None,
    ) -> None:
        """Take the items of finished shards, which must be those that they were made from.
        ``anew`` is given them, too."""
        for entry in journal.shards():
            digest = InputDigest()
            for item in islice(items, entry.end - entry.start):
                digest.add(item)
                if anew is not None:
                    anew.add(item)
            if digest.hex() != entry.input_digest:
                raise ChangedRunError(
                    f"the input is not what it was: items {entry.start} to {entry.end - 1}, "
                    "counted from 0, have changed"
                )
            self.tally.merge(Tally.from_dict(entry.tally))
            self._watcher.skipped(entry.end)
            if anew is not None:
                anew.save(entry)

    def _classify(self, journal: JournalFile, items: Iterator[Record | Rejected]) -> None:
        shard = self._next_shard(journal)
        pipeline = Pipeline(self._workers, self.job.budget, self._stopped)
        for outcome in pipeline.outcomes(items):
            shard.add(outcome)
            self.tally.add(outcome.result, outcome.seconds)
            self._watcher.counted(self.tally)
            if shard.is_full(self.job.shard_rows, self.job.budget):
                self._save(shard, journal)
                shard = self._next_shard(journal)
                self._check_errors(journal)
        if shard.tally.records:
            self._save(shard, journal)
        self._check_errors(journal)

    def _next_shard(self, journal: JournalFile) -> Shard:
        return Shard(journal.n_shards, journal.items, self.job.form)

    def _save(self, shard: Shard, journal: JournalFile) -> None:
        journal.add(shard.save(self._work, self._disk))

    def _check_errors(self, journal: JournalFile) -> None:
        limit = self.job.max_errors
        if limit is not None and self.tally.n_rejected > limit:
            self._write_quarantine(journal)
            raise TooManyErrorsError(self.tally.n_rejected, limit, self.job.quarantine)

    def _put_in_place(self, journal: JournalFile) -> None:
        shards = (self._work.shard(number) for number in range(journal.n_shards))
        with self._disk.create(self.job.out, self._work.staging) as out:
            self.job.form.assemble(shards, out)
        self._write_quarantine(journal)
        kept = self.tally.n_rejected or self.job.keep_quarantine
        quarantine = file_facts(self.job.quarantine) if kept else None
        journal.finish(file_digest(self.job.out) or "", quarantine)

    def _write_quarantine(self, journal: JournalFile) -> None:
        """Write what the shards' records were rejected for, or take away what an earlier run that
        was begun anew has left."""
        if not (self.tally.n_rejected or self.job.keep_quarantine):
            self._disk.remove(self.job.quarantine)
            return
        with self._disk.create(self.job.quarantine) as out:
            for number in range(journal.n_shards):
                if (path := self._work.rejected(number)).exists():
                    with path.open("rb") as source:
                        copyfileobj(source, out)
