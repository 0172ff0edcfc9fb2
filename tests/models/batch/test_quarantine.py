from pathlib import Path

import pytest
from batch_stub import StubClassifier, items, job, run

from critech.batch.disk import Disk
from critech.batch.errors import ChangedRunError, LostQuarantineError
from critech.batch.journal import JournalFile
from critech.batch.records import Position, Record, Rejected
from critech.batch.watching import Watcher
from critech.batch.work import WorkFolder

CHANGES = {
    "gone": None,
    "cut": lambda old: old[:-9],
    "changed": lambda old: old.replace(b"4", b"5"),
}


def changed(path: Path, change: str) -> None:
    act = CHANGES[change]
    if act is None:
        path.unlink()
    else:
        path.write_bytes(act(path.read_bytes()))


class Told(Watcher):
    """A watcher that notes what it hears of the quarantine."""

    def __init__(self) -> None:
        self.heard: list[tuple[Path, str]] = []

    def made_anew(self, quarantine: Path, what: str) -> None:
        self.heard.append((quarantine, what))


@pytest.mark.parametrize("change", CHANGES)
def test_a_quarantine_is_made_anew_from_the_input(change: str, tmp_path: Path) -> None:
    unreadable = Record(Position("c.jsonl", 0), "\ud800 ...", id="E-\ud800")
    given = [*items(), unreadable, unreadable, *items(12)]
    run(job(tmp_path), given)
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert before[quarantine].count(b"no_text") == 2
    changed(quarantine, change)
    classifier, told = StubClassifier(), Told()
    run(job(tmp_path), given, classifier, watcher=told)
    assert classifier.seen == []
    assert told.heard == [(quarantine, "is gone" if change == "gone" else "was changed")]
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    run(job(tmp_path), given, watcher=told)
    assert len(told.heard) == 1


def test_a_quarantine_that_was_asked_for_and_is_empty_is_made_anew(tmp_path: Path) -> None:
    given = [one for one in items() if isinstance(one, Record)]
    kept = job(tmp_path, keep_quarantine=True)
    run(kept, given)
    kept.quarantine.write_text("notes")
    run(kept, given)
    assert kept.quarantine.read_bytes() == b""
    kept.quarantine.unlink()
    run(kept, given)
    assert kept.quarantine.read_bytes() == b""


def test_a_file_where_no_quarantine_was_needed_is_left_alone(tmp_path: Path) -> None:
    given = [one for one in items() if isinstance(one, Record)]
    run(job(tmp_path), given)
    notes = tmp_path / "out.jsonl.quarantine.jsonl"
    notes.write_text("mine")
    run(job(tmp_path), given)
    assert notes.read_text() == "mine"


@pytest.mark.parametrize("change", CHANGES)
def test_a_quarantine_that_the_input_does_not_tell_is_refused(change: str, tmp_path: Path) -> None:
    failing = Record(Position("c.jsonl", 4), "words that fail")
    given = [*items(), failing]
    run(job(tmp_path), given)
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    whole = quarantine.read_bytes()
    changed(quarantine, change)
    left = quarantine.read_bytes() if quarantine.exists() else None
    what = "is gone" if change == "gone" else "was changed"
    for _ in range(2):
        with pytest.raises(LostQuarantineError, match=f"{quarantine} {what} .* with --restart"):
            run(job(tmp_path), given)
        assert (quarantine.read_bytes() if quarantine.exists() else None) == left
        assert sorted(p.name for p in (tmp_path / "out.jsonl.critech").iterdir()) == [
            "journal.jsonl",
            "lock",
        ]
    quarantine.write_bytes(whole)
    assert run(job(tmp_path), given).complete  # type: ignore[attr-defined]
    changed(quarantine, change)
    assert run(job(tmp_path, restart=True), given).complete  # type: ignore[attr-defined]
    assert quarantine.read_bytes() == whole


def test_what_failed_is_taken_from_shards_that_a_crash_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [*items(), Record(Position("c.jsonl", 4), "words that fail")]
    with monkeypatch.context() as patch:
        patch.setattr(WorkFolder, "clear", lambda self: None)
        run(job(tmp_path), given)
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    whole = quarantine.read_bytes()
    quarantine.unlink()
    run(job(tmp_path), given)
    assert quarantine.read_bytes() == whole
    assert not (tmp_path / "out.jsonl.critech" / "shards").exists()


def test_no_quarantine_is_made_from_another_input(tmp_path: Path) -> None:
    run(job(tmp_path), items())
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    quarantine.unlink()
    with pytest.raises(ChangedRunError, match="has grown"):
        run(job(tmp_path), [*items(), items()[4]])
    other = items()
    other[57] = Rejected(other[57].position, "not_json", "is not JSON")
    with pytest.raises(ChangedRunError, match="the input is not what it was: items 55 to 59"):
        run(job(tmp_path), other)
    assert not quarantine.exists()


def test_a_receipt_that_does_not_know_the_quarantine_is_taken_as_it_is(tmp_path: Path) -> None:
    run(job(tmp_path), items())
    path = tmp_path / "out.jsonl.critech" / "journal.jsonl"
    journal = JournalFile(path, Disk())
    finished = journal.finished or ""
    journal.cut(journal.n_shards)
    journal.finish(finished, None)
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    quarantine.unlink()
    done = run(job(tmp_path), items())
    assert done.complete  # type: ignore[attr-defined]
    assert done.tally.n_rejected > 0
    assert not quarantine.exists()
