import json
from pathlib import Path

import pytest

from critech.batch.disk import Disk, FileFacts
from critech.batch.errors import ChangedRunError
from critech.batch.journal import JournalFile, ShardEntry
from critech.batch.tally import Tally

SUM_OF_FINISHED = b"2852269bb8ede80f"


def entry(number: int) -> ShardEntry:
    start = number * 5
    return ShardEntry(number, start, start + 5, f"d{number}", None, "i", Tally(rows=5).as_dict())


def journal(path: Path, n_shards: int) -> JournalFile:
    file = JournalFile(path / "journal.jsonl", Disk())
    file.begin({"bundle": "b"})
    for number in range(n_shards):
        file.add(entry(number))
    return file


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = journal(tmp_path, 3)
    written.finish("whole", FileFacts("list", 7))
    read = JournalFile(written.path, Disk())
    assert (read.settings, read.n_shards, read.items) == ({"bundle": "b"}, 3, 15)
    assert (read.finished, read.quarantine) == ("whole", FileFacts("list", 7))
    assert list(read.shards()) == [entry(number) for number in range(3)]


def test_every_torn_end_counts_as_not_written(tmp_path: Path) -> None:
    path = journal(tmp_path, 2).path
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert JournalFile(path, Disk()).n_shards == 1
        torn = JournalFile(path, Disk())
        torn.cut(1)
        assert path.read_bytes() == whole[:last]
        torn.add(entry(1))
        assert path.read_bytes() == whole


def test_a_changed_line_ends_the_journal(tmp_path: Path) -> None:
    path = journal(tmp_path, 3).path
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"d1"', b'"d7"')
    path.write_bytes(b"".join(lines))
    assert JournalFile(path, Disk()).n_shards == 1
    path.write_bytes(b"".join(lines[1:]))
    assert JournalFile(path, Disk()).settings is None


def test_a_cut_takes_the_end_away(tmp_path: Path) -> None:
    file = journal(tmp_path, 3)
    file.finish("whole", FileFacts("list", 7))
    file.cut(2)
    assert (file.n_shards, file.items, file.finished, file.quarantine) == (2, 10, None, None)
    assert JournalFile(file.path, Disk()).n_shards == 2


def test_a_quarantine_is_not_known_where_none_is_or_the_journal_is_older(tmp_path: Path) -> None:
    file = journal(tmp_path, 1)
    file.finish("whole", None)
    without = JournalFile(file.path, Disk())
    assert (without.finished, without.quarantine) == ("whole", None)
    file.cut(1)
    with file.path.open("ab") as out:
        out.write(b'{"finished":"whole","sum":"%s"}\n' % SUM_OF_FINISHED)
    older = JournalFile(file.path, Disk())
    assert (older.finished, older.quarantine) == ("whole", None)


def test_changed_settings_are_named(tmp_path: Path) -> None:
    file = journal(tmp_path, 0)
    file.check_settings({"bundle": "b"})
    with pytest.raises(ChangedRunError, match=r"\(bundle, layout\)"):
        file.check_settings({"bundle": "c", "layout": "flat"})


def test_a_setting_that_an_older_journal_lacks_is_the_default_or_refused(tmp_path: Path) -> None:
    file = journal(tmp_path, 0)
    file.check_settings({"bundle": "b", "quarantine": None})
    with pytest.raises(ChangedRunError, match=r"\(quarantine\)"):
        file.check_settings({"bundle": "b", "quarantine": "bad.jsonl"})


def test_a_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    file = journal(tmp_path, 0)
    file.begin({})
    data = json.loads(file.path.read_text())
    from critech.batch import journal as module

    del data["sum"]
    data["run"]["format"] = 0
    file.path.write_bytes(module._line(data))
    with pytest.raises(ChangedRunError, match="another version"):
        JournalFile(file.path, Disk())
