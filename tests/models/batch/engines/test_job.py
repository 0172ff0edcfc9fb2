"""The steps of a run, in this process: reading, blocks, workers."""

import dataclasses
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from engine_inputs import OPTIONS, local, places, write_inputs

from critech import Classifier
from critech.batch.columns import flat_rows, titles_of
from critech.batch.engines.bundles import load_classifier
from critech.batch.engines.job import Counts, Job, Worker
from critech.batch.engines.parts import Finished, Parts
from critech.batch.engines.sources import expand, read_source, unpack
from critech.batch.errors import StorageError
from critech.batch.reading import FieldMapping
from critech.batch.rows import RowOptions
from critech.bundle import default_path
from critech.errors import BundleError, CritechError, InputError, UnknownTaxonomyError


def finish(job: Job, inputs: list[str]) -> tuple[Counts, Finished]:
    begun, finished = job.begun()
    worker, counts = Worker(begun), Counts()
    for source in expand(inputs, None):
        for block in begun.read(source, finished):
            counts += worker.finish(block)
    worker.classifier.close()
    return counts, finished


@pytest.fixture
def job(tmp_path: Path, classifier: Classifier) -> Job:
    def load(_: str | None, __: int) -> Classifier:
        return Kept(classifier)

    return Job(str(tmp_path / "out"), OPTIONS, block_rows=4, load=load)


class Kept(Classifier):
    """A classifier that is not closed with the job: it is all tests' own."""

    def __init__(self, classifier: Classifier) -> None:
        self.__dict__.update(vars(classifier))

    def close(self) -> None:
        """Do nothing."""


def test_a_job_gives_the_rows_of_one_machine_and_each_once(
    job: Job, classifier: Classifier, tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path)
    rows, rejected = local(classifier, inputs)
    assert finish(job, inputs[1:])[0] == Counts(12, 2)
    counts, finished = finish(job, inputs)
    assert (counts, len(finished)) == (Counts(12, 2), 14)
    assert finish(job, inputs)[0] == Counts()
    parts = Parts(job.out)
    assert parts.tables().to_pylist() == rows
    found = parts.tables(rejected=True)
    assert places(found.to_pylist()) == places(rejected)
    assert found.column_names == ["source", "record", "id", "error", "error_message"]
    assert found.column("error").to_pylist() == [one.reason for one in rejected]


def test_a_run_with_other_blocks_goes_on_where_the_first_ended(
    job: Job, classifier: Classifier, tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path)
    begun, finished = job.begun()
    Worker(begun).finish(next(begun.read(inputs[0], finished)))
    assert finish(dataclasses.replace(job, block_rows=3), inputs)[0] == Counts(20, 4)
    assert Parts(job.out).tables().to_pylist() == local(classifier, inputs)[0]


def test_a_run_that_begins_while_another_is_at_work_does_no_harm(
    job: Job, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins when the rejected of a block are in the output and its rows are not yet."""
    inputs = write_inputs(tmp_path)
    begun, finished = job.begun()
    second: list[Counts] = []
    write = Parts.write

    def between(parts: Parts, table: pa.Table, rejected: bool = False) -> None:
        write(parts, table, rejected)
        if rejected and not second:
            second.append(Counts())
            second[0] = finish(job, inputs)[0]

    monkeypatch.setattr(Parts, "write", between)
    worker = Worker(begun)
    for source in inputs:
        for block in begun.read(source, finished):
            worker.finish(block)
    assert second[0].rows > 0
    assert Parts(job.out).tables().to_pylist() == local(classifier, inputs)[0]


def test_the_flat_layout(job: Job, classifier: Classifier, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path)
    finish(dataclasses.replace(job, layout="flat"), inputs)
    titles = titles_of(tuple(classifier.bundle.taxonomies))
    flat = [one for row in local(classifier, inputs)[0] for one in flat_rows(row, titles)]
    assert Parts(job.out).tables().to_pylist() == flat
    assert finish(dataclasses.replace(job, layout="flat"), inputs)[0] == Counts()


def test_a_table_is_read_as_a_file_is(job: Job, tmp_path: Path) -> None:
    begun, finished = job.begun()
    table = pa.table({"Abstract": ["A torpedo tube door.", None], "publication_number": [7, 8]})
    (block,) = begun.read_table(table, finished)
    items = unpack(block)
    assert [item.id for item in items] == ["7", "8"]
    assert Worker(begun).finish(block) == Counts(1, 1)
    assert list(begun.read_table(table, begun.begun()[1])) == []


def test_a_worker_with_another_bundle_is_refused(job: Job) -> None:
    begun, _ = job.begun()
    with pytest.raises(BundleError, match="another than the driver's"):
        Worker(dataclasses.replace(begun, digest="sha256:0"))


def test_wrong_options_are_told_before_any_work(job: Job) -> None:
    wrong = dataclasses.replace(job, options=RowOptions(taxonomies=("no-such-list",)))
    with pytest.raises(UnknownTaxonomyError):
        wrong.begun()
    assert not Path(job.out).exists()


def test_another_mapping_is_another_job(job: Job) -> None:
    job.begun()
    with pytest.raises(CritechError, match="different mapping"):
        dataclasses.replace(job, mapping=FieldMapping(text="abstract")).begun()


def test_a_field_left_out_is_another_job(job: Job) -> None:
    one = dataclasses.replace(job, mapping=FieldMapping(text="abstract"))
    one.begun()
    assert one.begun()[1] == Finished()
    with pytest.raises(CritechError, match="different mapping"):
        dataclasses.replace(job, mapping=FieldMapping(text="abstract", claims="")).begun()


def test_an_output_that_cannot_be_made_is_told(job: Job, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/out: Not a directory; when that is mended"):
        dataclasses.replace(job, out=str(tmp_path / "file" / "out")).begun()


@pytest.mark.parametrize("address", ["no-such-kind://bucket/out", "hdfs3x://a"])
def test_an_address_of_an_unknown_kind_is_told(address: str, job: Job) -> None:
    with pytest.raises(InputError, match="output: fsspec cannot read this kind of address"):
        dataclasses.replace(job, out=address).begun()
    with pytest.raises(InputError, match="bundle: fsspec cannot read this kind of address"):
        load_classifier(address, 1)


def test_inputs_by_address(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path)
    found = expand([f"file://{tmp_path}/*.jsonl"], None)
    assert found == [f"file://{name}" for name in inputs]
    (first, *_) = read_source(found[0], None)
    (expected, *_) = read_source(inputs[0], None)
    assert first.position.source == found[0]
    assert dataclasses.replace(first, position=expected.position) == expected
    for missing in (f"file://{tmp_path}/c.jsonl", f"file://{tmp_path}/*.xml", f"{tmp_path}/c"):
        with pytest.raises(InputError, match="no such file"):
            expand([missing], None)
    with pytest.raises(InputError, match="lies in a folder"):
        expand([inputs[0], str(tmp_path)], None)


def test_a_bundle_by_address(classifier: Classifier, tmp_path: Path) -> None:
    shutil.copytree(default_path(), tmp_path / "bundle")
    with load_classifier(f"file://{tmp_path}/bundle", 1) as found:
        assert found.model == classifier.model
    (tmp_path / "bundle" / "labels.json").write_text("{}")
    with pytest.raises(BundleError):
        load_classifier(f"file://{tmp_path}/bundle", 1)
