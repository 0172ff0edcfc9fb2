"""A run on a local Spark, really started: the rows are those of one machine."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from critech.batch.engines.spark_engine import run
from critech.batch.records import Position, Record
from critech.batch.rows import classify_records

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, and there is none"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """A Spark of two cores, in which a task that dies is tried again."""
    from pyspark import cloudpickle
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.log.level": "OFF",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        cloudpickle.register_pickle_by_value(engine_inputs)
        session = SparkSession.builder.master("local[2,3]").config(map=settings).getOrCreate()
        yield session
        session.stop()
        cloudpickle.unregister_pickle_by_value(engine_inputs)


def test_rows_are_those_of_one_machine_though_a_worker_dies(
    classifier: Classifier, session: Any, tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path)
    out, mark = str(tmp_path / "out"), tmp_path / "died"
    settings = {"session": session, "partitions": 2, "block_rows": BLOCK_ROWS}
    first = run(inputs[:1], out, OPTIONS, load=dying(mark), **settings)
    assert mark.exists()
    assert (first.rows, first.rejected, first.finished_before) == (12, 2, 0)
    written = {path: path.stat().st_mtime_ns for path in Path(out).rglob("*.parquet")}

    whole = run(inputs, out, OPTIONS, **settings)
    assert (whole.rows, whole.rejected, whole.finished_before) == (12, 2, 14)
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())

    rows, rejected = local(classifier, inputs)
    parts = Parts(out)
    assert parts.tables().to_pylist() == rows
    assert places(parts.tables(rejected=True).to_pylist()) == places(rejected)
    assert not list(Path(out).rglob("*.tmp"))


def test_a_table_in_memory(classifier: Classifier, session: Any, tmp_path: Path) -> None:
    table = pa.table({"id": ["A", "B"], "title": ["T", "T"], "abstract": [TEXTS[0], None]})
    done = run(table, str(tmp_path), OPTIONS, session=session, partitions=1)
    assert (done.rows, done.rejected, done.finished_before) == (1, 1, 0)
    (row,) = Parts(str(tmp_path)).tables().to_pylist()
    record = Record(Position("frame", 0), TEXTS[0], "A", "T")
    assert [row] == classify_records(classifier, [record], OPTIONS)


@pytest.mark.usefixtures("session")
def test_the_command_gives_the_rows_of_one_machine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    check_the_command(tmp_path, "--engine", "spark", "--partitions", "1")
    said = "".join(capfd.readouterr())
    assert not [text for text in TEXTS if text[:12] in said]
