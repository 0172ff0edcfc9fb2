import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq
import pytest
from batch_stub import DIGEST, StubClassifier, items, job, run

from critech.batch.disk import Disk
from critech.batch.errors import (
    BatchError,
    ChangedRunError,
    LockedError,
    TooManyErrorsError,
)
from critech.batch.formats import FormatName
from critech.batch.records import Position, Record, Rejected


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_each_document_once_in_order(tmp_path: Path) -> None:
    given = items()
    done = run(job(tmp_path), given)
    rows = rows_of(tmp_path / "out.jsonl")
    records = [one for one in given if isinstance(one, Record)]
    assert [row["id"] for row in rows] == [one.id for one in records]
    assert [row["record"] for row in rows] == [one.position.record for one in records]
    bad = rows_of(tmp_path / "out.jsonl.quarantine.jsonl")
    rejected = [one for one in given if isinstance(one, Rejected)]
    assert [one["record"] for one in bad] == [one.position.record for one in rejected]
    assert done.tally.records == len(given)
    assert done.tally.rows == len(records)


def test_a_repeated_text_is_computed_once(tmp_path: Path) -> None:
    classifier = StubClassifier()
    given = [one for one in items() if isinstance(one, Record)]
    twice = [*given, *given]
    done = run(job(tmp_path), twice, classifier)
    assert len(classifier.seen) == len({(one.title, one.text) for one in given})
    assert done.tally.repeated == len(twice) - len(classifier.seen)
    rows = rows_of(tmp_path / "out.jsonl")
    assert rows[: len(given)] == rows[len(given) :]
    again = tmp_path / "again"
    again.mkdir()
    run(job(again), given)
    assert rows_of(again / "out.jsonl") == rows[: len(given)]


def test_one_bad_record_costs_one_record(tmp_path: Path) -> None:
    bad = Record(Position("a.jsonl", 1), "secret words that fail", id="B")
    empty = Record(Position("a.jsonl", 2), "...")
    good = Record(Position("a.jsonl", 0), "fine")
    done = run(job(tmp_path), [good, bad, empty, good])
    assert [row["record"] for row in rows_of(tmp_path / "out.jsonl")] == [0, 0]
    assert done.tally.rejected == {"failed": 1, "no_text": 1}
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    assert [one["id"] for one in rows_of(quarantine)] == ["B", None]
    assert "secret" not in quarantine.read_text()


def test_a_title_does_not_stand_for_a_text_that_reads_alike(tmp_path: Path) -> None:
    empty = Record(Position("a", 0), "\u2014", title="Smart pump")
    whole = Record(Position("a", 1), "Smart pump \u2014")
    for folder, given in ((tmp_path / "1", [empty, whole]), (tmp_path / "2", [whole, empty])):
        folder.mkdir()
        run(job(folder), given)
        assert [row["record"] for row in rows_of(folder / "out.jsonl")] == [1]
        (bad,) = rows_of(folder / "out.jsonl.quarantine.jsonl")
        assert (bad["record"], bad["reason"]) == (0, "no_text")


def test_no_text_is_kept_anywhere_while_working(tmp_path: Path) -> None:
    secret = "a word of the draft"
    given = [Record(Position("a", i), f"{secret} {i}", title=secret) for i in range(20)]
    stopped = iter([False] * 30)
    assert not run(job(tmp_path), given, stopped=lambda: next(stopped, True)).complete  # type: ignore[attr-defined]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "journal.jsonl" for path in files)
    assert all(secret.encode() not in path.read_bytes() for path in files)


def test_the_same_run_again_changes_nothing(tmp_path: Path) -> None:
    first = run(job(tmp_path), items())
    before = (tmp_path / "out.jsonl").read_bytes()
    classifier = StubClassifier()
    second = run(job(tmp_path), items(), classifier)
    assert classifier.seen == []
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert second.tally.as_dict() == {**first.tally.as_dict(), "seconds": second.tally.seconds}
    assert sorted(p.name for p in (tmp_path / "out.jsonl.critech").iterdir()) == [
        "journal.jsonl",
        "lock",
    ]


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet"])
def test_stopped_and_gone_on(name: FormatName, tmp_path: Path) -> None:
    """The rows are those of an undisturbed run. So are the bytes, but of Parquet, whose
    row groups and dictionaries go by the shards."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    run(job(whole, name), items())
    classifiers = []
    for _ in range(100):
        asked = iter([False] * 30)
        classifiers.append(StubClassifier())
        one = run(
            job(parts, name),
            items(),
            classifiers[-1],
            stopped=lambda a=asked: next(a, True),  # type: ignore[misc]
        )
        if one.complete:  # type: ignore[attr-defined]
            break
        assert not (parts / f"out.{name}").exists()
    assert 2 < len(classifiers) < 100
    out, quarantine = f"out.{name}", f"out.{name}.quarantine.jsonl"
    assert (whole / quarantine).read_bytes() == (parts / quarantine).read_bytes()
    if name == "parquet":
        assert pq.read_table(parts / out).equals(pq.read_table(whole / out), check_metadata=True)
    else:
        assert (parts / out).read_bytes() == (whole / out).read_bytes()


def test_what_has_changed_is_refused(tmp_path: Path) -> None:
    asked = iter([False] * 30)
    run(job(tmp_path), items(), stopped=lambda: next(asked, True))
    changed = items()
    changed[1] = Record(changed[1].position, "another text", id="D-1")
    with pytest.raises(ChangedRunError, match="the input is not what it was: items 0 to 4"):
        run(job(tmp_path), changed)
    with pytest.raises(ChangedRunError, match=r"other settings \(bundle\)"):
        run(job(tmp_path, settings={**job(tmp_path).settings, "bundle": "other"}), items())
    with pytest.raises(ChangedRunError, match="items"):
        run(job(tmp_path), items()[:3])
    assert run(job(tmp_path, restart=True), changed).complete  # type: ignore[attr-defined]
    with pytest.raises(ChangedRunError, match="has grown"):
        run(job(tmp_path), [*changed, changed[0]])
    (tmp_path / "out.jsonl").write_text("edited")
    with pytest.raises(ChangedRunError, match="was changed since"):
        run(job(tmp_path), changed)
    assert (tmp_path / "out.jsonl").read_text() == "edited"


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.quarantine.jsonl"])
def test_a_file_that_is_there_is_not_replaced(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ChangedRunError, match="is there already"):
        run(job(tmp_path), items())
    assert (tmp_path / name).read_text() == "mine"
    run(job(tmp_path, restart=True), items())
    assert (tmp_path / name).read_text() != "mine"


def test_a_damaged_shard_is_made_again(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    run(job(whole), items())
    asked = iter([False] * 80)
    run(job(parts), items(), stopped=lambda: next(asked, True))
    shards = sorted((parts / "out.jsonl.critech" / "shards").glob("*.jsonl"))
    assert len(shards) > 3
    shards[2].write_bytes(shards[2].read_bytes()[:-1] + b" ")
    run(job(parts), items())
    assert (whole / "out.jsonl").read_bytes() == (parts / "out.jsonl").read_bytes()


def test_too_many_errors(tmp_path: Path) -> None:
    with pytest.raises(TooManyErrorsError, match="--max-errors 2"):
        run(job(tmp_path, max_errors=2), items())
    assert not (tmp_path / "out.jsonl").exists()
    classifier = StubClassifier()
    assert run(job(tmp_path, max_errors=7), items(), classifier).complete  # type: ignore[attr-defined]
    assert len(classifier.seen) < 50


def test_too_many_errors_are_listed(tmp_path: Path) -> None:
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    with pytest.raises(TooManyErrorsError, match=re.escape(f"--max-errors 2: see {quarantine};")):
        run(job(tmp_path, max_errors=2), items())
    listed = rows_of(quarantine)
    rejected = [one for one in items() if isinstance(one, Rejected)]
    assert 2 < len(listed) < len(rejected)
    assert run(job(tmp_path), items()).complete  # type: ignore[attr-defined]
    assert [one["record"] for one in rows_of(quarantine)] == [
        one.position.record for one in rejected
    ]


def test_beginning_anew_takes_an_old_quarantine_away(tmp_path: Path) -> None:
    run(job(tmp_path), items())
    mended = [one for one in items() if isinstance(one, Record)]
    assert run(job(tmp_path, restart=True), mended).complete  # type: ignore[attr-defined]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.critech"]
    kept = job(tmp_path, restart=True, keep_quarantine=True)
    assert run(kept, mended).complete  # type: ignore[attr-defined]
    assert (tmp_path / "out.jsonl.quarantine.jsonl").read_bytes() == b""


def test_two_runs_on_one_output_are_refused(tmp_path: Path) -> None:
    def nested() -> Iterator[Record | Rejected]:
        yield items()[0]
        with pytest.raises(LockedError, match="another run works on this output"):
            run(job(tmp_path), items())
        yield items()[1]

    assert run(job(tmp_path), nested()).complete  # type: ignore[attr-defined]


class FullDisk(Disk):
    """A disk that takes so many calls of ``sync`` and is then full."""

    def __init__(self, room: int) -> None:
        self.room = room

    def sync(self, file: BinaryIO) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().sync(file)


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet"])
def test_a_full_disk_is_told_and_gone_on_from(name: str, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    run(job(whole, name), items())  # type: ignore[arg-type]
    for room in range(1, 200):
        try:
            run(job(parts, name), items(), disk=FullDisk(room))  # type: ignore[arg-type]
            break
        except BatchError as error:
            assert re.search("No space left on device; .* same command", str(error))
    assert 5 < room < 199
    out = f"out.{name}"
    assert (whole / out).read_bytes() == (parts / out).read_bytes()


def test_the_journal_names_the_bundle_and_knows_the_quarantine(tmp_path: Path) -> None:
    run(job(tmp_path), items())
    lines = rows_of(tmp_path / "out.jsonl.critech" / "journal.jsonl")
    assert lines[0]["run"]["settings"]["bundle"] == DIGEST  # type: ignore[index]
    assert "finished" in lines[-1]
    data = (tmp_path / "out.jsonl.quarantine.jsonl").read_bytes()
    known = {"digest": hashlib.sha256(data).hexdigest(), "length": len(data)}
    assert lines[-1]["quarantine"] == known
