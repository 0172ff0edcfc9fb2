"""What a run on many machines does, in steps that an engine spreads over them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from critech.batch.columns import arrow, flat_rows, flat_schema, nested_schema, titles_of
from critech.batch.engines.bundles import load_classifier
from critech.batch.engines.parts import Finished, Parts
from critech.batch.engines.sources import blocks, read_source, unpack
from critech.batch.errors import StorageError
from critech.batch.reading import FieldMapping
from critech.batch.reading.mapping import resolve
from critech.batch.records import Rejected
from critech.batch.rows import RowOptions, check_options
from critech.batch.tables import classify_items, table_of_outcomes
from critech.classifier import Classifier
from critech.errors import BundleError
from critech.frames import items_of_frame

if TYPE_CHECKING:
    import pyarrow as pa

Layout = Literal["nested", "flat"]
Load = Callable[[str | None, int], Classifier]


@dataclass(frozen=True)
class Job:
    """A run. ``out`` is the output folder, ``bundle`` the folder or address of the bundle as every
    machine sees it, None for the shipped one; ``digest`` is what the bundle must have there.
    ``threads`` are those of one worker. ``block_rows`` is how many records a worker takes at a
    time: what is computed again when it dies. ``load`` makes a worker's classifier."""

    out: str
    options: RowOptions
    bundle: str | None = None
    digest: str = ""
    layout: Layout = "nested"
    mapping: FieldMapping | None = None
    threads: int = 1
    block_rows: int = 1024
    load: Load = field(default=load_classifier, repr=False, compare=False)

    def begun(self) -> tuple[Job, Finished]:
        """Return the job with the digest of the bundle that the driver sees, and what is finished
        already. Raise CritechError for wrong options, a broken bundle, and a folder that cannot
        be written or holds the output of another job."""
        with self.load(self.bundle, 1) as classifier:
            check_options(classifier, self.options)
            digest = classifier.model.digest
        try:
            finished = Parts(self.out).begin(self._kind(digest))
        except OSError as error:
            raise StorageError(self.out, error.strerror or type(error).__name__) from error
        return dataclasses.replace(self, digest=digest), finished

    def _kind(self, digest: str) -> dict[str, Any]:
        """Return what all runs that fill one folder share, as JSON gives it back."""
        taxonomies = self.options.taxonomies
        return {
            "bundle": digest,
            "layout": self.layout,
            "mapping": None if self.mapping is None else dataclasses.asdict(self.mapping),
            **dataclasses.asdict(self.options),
            "taxonomies": None if taxonomies is None else list(taxonomies),
        }

    def read(self, source: str, finished: Finished) -> Iterator[bytes]:
        """Yield the blocks of one input that are not finished."""
        return blocks(read_source(source, self.mapping), finished, self.block_rows)

    def read_table(self, table: pa.Table, finished: Finished) -> Iterator[bytes]:
        """Yield the blocks of a table in memory that are not finished. Columns are guessed as
        those of a file are."""
        names = resolve(self.mapping or FieldMapping(), table.column_names, "table").columns()
        items = (item for found in items_of_frame(table, names) for item in found)
        return blocks(items, finished, self.block_rows)


@dataclass(frozen=True)
class Counts:
    """How many records became rows, and how many were rejected."""

    rows: int = 0
    rejected: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.rows + other.rows, self.rejected + other.rejected)


@dataclass(frozen=True)
class Summary:
    """What a run did: records that became rows, that were rejected, and that an earlier run had
    finished."""

    rows: int
    rejected: int
    finished_before: int


class Worker:
    """Holds the classifier of one process, and finishes blocks with it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.classifier = job.load(job.bundle, job.threads)
        found = self.classifier.model.digest
        if found != job.digest:
            raise BundleError("on this worker", "is another than the driver's", job.digest, found)
        self._titles = titles_of(tuple(self.classifier.bundle.taxonomies))
        self._parts = Parts(job.out)

    def finish(self, block: Any) -> Counts:
        """Classify a block and write its parts."""
        found = classify_items(self.classifier, unpack(block), self.job.options)
        rejected = [one for one in found if isinstance(one, Rejected)]
        rows = [one for one in found if not isinstance(one, Rejected)]
        if rejected:
            self._parts.write(rejected_table(rejected), rejected=True)
        if rows:
            self._parts.write(self._table(rows))
        return Counts(len(rows), len(rejected))

    def _table(self, rows: Sequence[dict[str, Any]]) -> pa.Table:
        if self.job.layout == "flat":
            flat = [one for row in rows for one in flat_rows(row, self._titles)]
            return arrow().Table.from_pylist(flat, schema=flat_schema())
        return arrow().Table.from_pylist(rows, schema=nested_schema())


def rejected_table(rejected: Sequence[Rejected]) -> pa.Table:
    """Return place, id and reason of each record that gave no row; no word of it."""
    names = ["source", "record", "id", "error", "error_message"]
    return table_of_outcomes(rejected).select(names)


@lru_cache(maxsize=1)
def worker_of(job: Job) -> Worker:
    """Return the worker of this process; engines without workers of their own that last call this
    for every task."""
    return Worker(job)
