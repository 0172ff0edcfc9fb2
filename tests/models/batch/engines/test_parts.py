import json
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from critech.batch.engines.parts import JOB, REJECTED, Finished, Parts
from critech.errors import CritechError

JOB_ID = {"bundle": "sha256:0", "top_k": 5}


def table(*places: tuple[str, int]) -> pa.Table:
    sources, records = zip(*places, strict=True)
    return pa.table({"source": list(sources), "record": list(records)})


@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30)))))
def test_finished_holds_what_it_was_made_of(parts: list[list[tuple[str, int]]]) -> None:
    finished = Finished.of(parts)
    places = {place for part in parts for place in part}
    everything = {(source, record) for source in "abc" for record in range(33)}
    assert {place for place in everything if place in finished} == places
    assert len(finished) == len(places)


def test_parts_of_one_input_are_one_run() -> None:
    parts = [[("a", 4 * i + j) for j in range(4)] for i in (2, 0, 1)]
    assert Finished.of(parts).runs == {"a": ((0,), (12,))}


@pytest.mark.parametrize("kind", ["local", "brackets", "file://", "memory://"])
def test_what_was_written_is_finished(kind: str, tmp_path: Path) -> None:
    out = {
        "local": str(tmp_path / "out"),
        "brackets": str(tmp_path / "out[2]*"),
        "file://": f"file://{tmp_path}/out",
        "memory://": f"memory://{uuid.uuid4().hex}/out",
    }[kind]
    parts = Parts(out)
    assert parts.tables() is None
    assert len(parts.begin(JOB_ID)) == 0
    parts.write(table(("b", 1), ("b", 0)))
    parts.write(table(("a", 7)), rejected=True)
    finished = Parts(out).begin(JOB_ID)
    assert len(finished) == 3
    assert parts.has_rejected()
    assert ("a", 7) in finished
    assert ("a", 6) not in finished
    found = parts.tables()
    assert found is not None
    assert found.to_pylist() == table(("b", 0), ("b", 1)).to_pylist()


def test_a_block_that_is_computed_twice_is_there_once(tmp_path: Path) -> None:
    parts = Parts(str(tmp_path))
    parts.begin(JOB_ID)
    parts.write(table(("a", 0), ("a", 1)))
    (before,) = tmp_path.glob("part-*")
    content = before.read_bytes()
    parts.write(table(("a", 0), ("a", 1)))
    assert [path.read_bytes() for path in tmp_path.glob("part-*")] == [content]


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("step", ["os.fsync", "Path.replace"])
def test_a_part_that_was_cut_is_no_part(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts(str(tmp_path))
    parts.begin(JOB_ID)
    parts.write(table(("a", 1)))

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"critech.batch.engines.parts.{step}", killed)
        with pytest.raises(Killed):
            parts.write(table(("a", 0)))
    assert len(Parts(str(tmp_path)).begin(JOB_ID)) == 1
    assert pq.read_table(tmp_path).to_pylist() == table(("a", 1)).to_pylist()
    assert list(tmp_path.glob(".part-*.tmp"))


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(str(tmp_path))
    parts.begin(JOB_ID)
    before = sorted(tmp_path.iterdir())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("critech.batch.engines.parts.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            parts.write(table(("a", 0)))
    assert sorted(tmp_path.iterdir()) == before


def test_names_outlast_a_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: dict[Path, set[str]] = {}

    def sync(folder: Path) -> None:
        synced[folder] = {path.name for path in folder.iterdir()}

    monkeypatch.setattr("critech.batch.engines.parts.sync_folder", sync)
    out = tmp_path / "results" / "out"
    parts = Parts(str(out))
    parts.begin(JOB_ID)
    assert synced == {tmp_path: {"results"}, out.parent: {"out"}, out: {REJECTED, JOB}}
    parts.write(table(("a", 0)))
    parts.write(table(("a", 1)), rejected=True)
    for folder in (out, out / REJECTED):
        assert synced[folder] == {path.name for path in folder.iterdir()}
        assert list(folder.glob("part-*.parquet"))


@pytest.mark.parametrize("name", ["part-00000-c000.snappy.parquet", "mine.parquet"])
def test_a_folder_of_other_tables_is_refused(name: str, tmp_path: Path) -> None:
    pq.write_table(table(("a", 0)), tmp_path / name)
    with pytest.raises(CritechError, match=r"holds Parquet files and no _job\.json"):
        Parts(str(tmp_path)).begin(JOB_ID)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_job_is_refused(tmp_path: Path) -> None:
    Parts(str(tmp_path)).begin(JOB_ID)
    with pytest.raises(CritechError, match=r"different bundle$"):
        Parts(str(tmp_path)).begin({**JOB_ID, "bundle": "sha256:1"})
    assert json.loads((tmp_path / JOB).read_text()) == JOB_ID
