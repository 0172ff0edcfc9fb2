"""Runs on Ray: inputs are read in tasks, blocks are classified by a pool of actors that hold the
bundle, and each block that is finished is in the output before the next is taken (extra ``ray``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from critech.batch.columns import arrow
from critech.batch.engines.job import Counts, Job, Summary, Worker
from critech.batch.engines.parts import Finished
from critech.batch.engines.sources import expand
from critech.batch.errors import EngineError
from critech.batch.rows import RowOptions
from critech.errors import CritechError

if TYPE_CHECKING:
    import pyarrow as pa


def run(
    inputs: Sequence[str] | pa.Table,
    out: str,
    options: RowOptions,
    *,
    workers: int | None = None,
    **job: Any,
) -> Summary:
    """Classify all records of the inputs into the folder ``out``, and return what was done.

    ``inputs`` are names and addresses, or an Arrow table; ``job`` are further members of
    ``Job``. ``workers`` are the actors, each on ``threads`` processors; by default as many as the
    cluster has room for. The Ray that the program is connected to is used, else a local one.
    Run it again after it was cut, and what is finished is skipped. Raise CritechError for what no
    record is to blame for.
    """
    ray = _ray()
    begun, finished = Job(out, options, **job).begun()
    data = _blocks(ray, inputs, begun, finished).map_batches(
        _Actor,
        fn_constructor_args=(begun,),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=begun.threads,
        concurrency=workers or (1, _room(ray, begun.threads)),
    )
    counts = Counts()
    try:
        for row in data.iter_rows():
            counts += Counts(row["rows"], row["rejected"])
    except ray.exceptions.RayError as error:
        raise EngineError("Ray", error) from error
    return Summary(counts.rows, counts.rejected, len(finished))


def _blocks(ray: Any, inputs: Sequence[str] | pa.Table, job: Job, finished: Finished) -> Any:
    """Return a dataset of blocks."""
    if not isinstance(inputs, list | tuple):
        found = [_table([block]) for block in job.read_table(inputs, finished)]
        return ray.data.from_arrow(found or [_table([])])
    names = [{"source": name} for name in expand(inputs, job.mapping)]
    data = ray.data.from_items(names, override_num_blocks=len(names))
    # Other resources than the actors', or Ray would read within the actors, one input in one; and
    # no processors, or actors that take all of them would wait for input for ever.
    return data.map_batches(
        _read,
        fn_args=(job, finished),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=0,
        concurrency=min(len(names), _room(ray, 1)),
    )


def _read(batch: pa.Table, job: Job, finished: Finished) -> Iterator[pa.Table]:
    for source in batch.column("source").to_pylist():
        for block in job.read(source, finished):
            yield _table([block])


def _table(found: list[bytes]) -> pa.Table:
    return arrow().table({"block": arrow().array(found, "binary")})


class _Actor:
    """One worker of the pool."""

    def __init__(self, job: Job) -> None:
        try:
            self._worker = Worker(job)
        except CritechError as error:  # Ray cannot hand on an exception with members of its own
            raise RuntimeError(str(error)) from None

    def __call__(self, batch: pa.Table) -> pa.Table:
        counts = Counts()
        for block in batch.column("block").to_pylist():
            counts += self._worker.finish(block)
        return arrow().table({"rows": [counts.rows], "rejected": [counts.rejected]})


def _room(ray: Any, threads: int) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports to its makers else
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ModuleNotFoundError:
        raise CritechError("this needs the package ray: pip install 'critech[ray]'") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    return ray
