"""A run on a local Ray, really started: the rows are those of one machine."""

from collections.abc import Iterator
from pathlib import Path

import engine_inputs
import pyarrow as pa
import pytest
from engine_inputs import (
    BLOCK_ROWS,
    OPTIONS,
    TEXTS,
    check_the_command,
    dying,
    local,
    places,
    write_inputs,
)

from critech import Classifier
from critech.batch.engines.parts import Parts
from critech.batch.engines.ray_engine import run
from critech.batch.records import Position, Record
from critech.batch.rows import classify_records

ray = pytest.importorskip("ray")
pytestmark = [  # of settings that Ray makes itself
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    """A Ray of two processors."""
    import ray.cloudpickle

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.cloudpickle.register_pickle_by_value(engine_inputs)
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            object_store_memory=100_000_000,
        )
        yield
        ray.shutdown()
        ray.cloudpickle.unregister_pickle_by_value(engine_inputs)


def test_rows_are_those_of_one_machine_though_a_worker_dies(
    classifier: Classifier, tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path)
    out, mark = str(tmp_path / "out"), tmp_path / "died"
    first = run(inputs[:1], out, OPTIONS, load=dying(mark), workers=1, block_rows=BLOCK_ROWS)
    assert mark.exists()
    assert (first.rows, first.rejected, first.finished_before) == (12, 2, 0)
    written = {path: path.stat().st_mtime_ns for path in Path(out).rglob("*.parquet")}

    whole = run(inputs, out, OPTIONS, workers=2, block_rows=BLOCK_ROWS)
    assert (whole.rows, whole.rejected, whole.finished_before) == (12, 2, 14)
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())

    rows, rejected = local(classifier, inputs)
    parts = Parts(out)
    assert parts.tables().to_pylist() == rows
    assert places(parts.tables(rejected=True).to_pylist()) == places(rejected)
    assert not list(Path(out).rglob("*.tmp"))


def test_a_table_in_memory(classifier: Classifier, tmp_path: Path) -> None:
    table = pa.table({"id": ["A", "B"], "title": ["T", "T"], "abstract": [TEXTS[0], None]})
    done = run(table, str(tmp_path), OPTIONS, workers=1)
    assert (done.rows, done.rejected, done.finished_before) == (1, 1, 0)
    (row,) = Parts(str(tmp_path)).tables().to_pylist()
    record = Record(Position("frame", 0), TEXTS[0], "A", "T")
    assert [row] == classify_records(classifier, [record], OPTIONS)


def test_the_command_gives_the_rows_of_one_machine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    check_the_command(tmp_path, "--engine", "ray", "--workers", "1", "--shard-rows", "5")
    said = "".join(capfd.readouterr())
    assert not [text for text in TEXTS if text[:12] in said]
