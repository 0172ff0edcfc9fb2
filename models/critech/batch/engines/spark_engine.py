"""Runs on Spark: inputs are read in tasks, blocks are spread over the executors and classified by
``mapInArrow``, and each block that is finished is in the output at once (extra ``spark``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from critech.batch.columns import arrow
from critech.batch.engines.job import Counts, Job, Summary, worker_of
from critech.batch.engines.parts import Finished
from critech.batch.engines.sources import expand
from critech.batch.errors import EngineError
from critech.batch.rows import RowOptions
from critech.errors import CritechError

if TYPE_CHECKING:
    import pyarrow as pa

    OverBatches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

ONE_BLOCK_AT_A_TIME = ("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
PARTITIONS_PER_CORE = 8


def run(
    inputs: Sequence[str] | pa.Table,
    out: str,
    options: RowOptions,
    *,
    session: Any = None,
    partitions: int | None = None,
    **job: Any,
) -> Summary:
    """Classify all records of the inputs into the folder ``out``, and return what was done.

    ``inputs`` are names and addresses, or an Arrow table; ``job`` are further members of ``Job``.
    ``session`` is a SparkSession, by default the active one or a new one of the environment's
    settings; its own settings stay as they are. ``partitions`` are the tasks that the blocks are
    spread over: what a task does is computed again when it dies. Run it again after it was cut,
    and what is finished is skipped. Raise CritechError for what no record is to blame for.
    """
    spark = (session or _session()).newSession()
    spark.conf.set(*ONE_BLOCK_AT_A_TIME)
    begun, finished = Job(out, options, **job).begun()
    n_tasks = partitions or PARTITIONS_PER_CORE * spark.sparkContext.defaultParallelism
    done = (
        _blocks(spark, inputs, begun, finished)
        .repartition(n_tasks)
        .mapInArrow(_finishing(begun), "rows long, rejected long")
        .groupBy()
        .sum("rows", "rejected")
    )
    try:
        ((n_rows, n_rejected),) = done.collect()
    except _spark_error() as error:
        raise EngineError("Spark", error) from error
    return Summary(n_rows or 0, n_rejected or 0, len(finished))


def _blocks(spark: Any, inputs: Sequence[str] | pa.Table, job: Job, finished: Finished) -> Any:
    """Return a DataFrame of blocks."""
    if not isinstance(inputs, list | tuple):
        found = [(bytearray(block),) for block in job.read_table(inputs, finished)]
        return spark.createDataFrame(found, "block binary")
    names = [(name,) for name in expand(inputs, job.mapping)]
    sources = spark.createDataFrame(names, "source string").repartition(len(names))
    return sources.mapInArrow(_reading(job, finished), "block binary")


def _reading(job: Job, finished: Finished) -> OverBatches:
    def over(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for source in batch.column("source").to_pylist():
                for block in job.read(source, finished):
                    yield _batch(block=arrow().array([block], "binary"))

    return over


def _finishing(job: Job) -> OverBatches:
    def over(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counts = Counts()
        for batch in batches:
            for block in batch.column("block").to_pylist():
                counts += worker_of(job).finish(block)
        yield _batch(
            rows=arrow().array([counts.rows], "int64"),
            rejected=arrow().array([counts.rejected], "int64"),
        )

    return over


def _batch(**columns: Any) -> pa.RecordBatch:
    return arrow().RecordBatch.from_pydict(columns)


def _spark_error() -> type[Exception]:
    from pyspark.errors import PySparkException

    return PySparkException  # type: ignore[no-any-return]


def _session() -> Any:
    """Return the active session, or a new one; local executors run the Python of this process."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        raise CritechError("this needs the package pyspark: pip install 'critech[spark]'") from None
    return SparkSession.builder.appName("critech").getOrCreate()
