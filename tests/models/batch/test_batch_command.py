import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from critech import Classifier, Document
from critech.batch.disk import Disk
from critech.batch.journal import JournalFile
from critech.batch.records import Record
from critech.batch.rows import Row, RowOptions, classify_records
from critech.classifier import Options
from critech.cli import main

ENGINE = "An airbreathing scramjet engine with an isolator duct and a combustor with injectors."
KEYS = "光ファイバを介して秘密鍵を共有する量子鍵配送装置。"
ROWS = [
    {"id": "A-1", "title": "Scramjet engine", "text": ENGINE},
    {"id": "B-2", "text": KEYS},
    {"id": "C-3", "text": "A drawer hinge with a damper for a kitchen."},
    {"id": "D-4", "title": "Scramjet engine", "text": ENGINE},
]


def written(path: Path, rows: list[dict[str, str]] = ROWS, tail: str = "") -> str:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(lines + tail, encoding="utf-8")
    return str(path)


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def batch(*arguments: str, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "critech.cli", "batch", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **more)  # type: ignore[call-overload,no-any-return]


def test_rows_equal_those_of_the_classifier(
    tmp_path: Path, classifier: Classifier, capsys: pytest.CaptureFixture[str]
) -> None:
    given = written(tmp_path / "in.jsonl")
    out = tmp_path / "out.jsonl"
    assert main(["batch", given, "-o", str(out), "--threads", "2"]) == 0
    found = classifier.classify(
        [Document(row["text"], row["id"], row.get("title")) for row in ROWS], Options()
    )
    for row, result in zip(rows_of(out), found.results, strict=True):
        assert row["id"] == result.id
        shown = [
            (label["code"], label["score"]) for t in row["taxonomies"] for label in t["labels"]
        ]  # type: ignore[attr-defined,index]
        assert shown == [(one.code, one.score) for t in result.taxonomies for one in t.labels]
    err = capsys.readouterr().err
    assert "in.jsonl: jsonl" in err
    assert "text=text" in err
    assert "4 records: 4 classified, 0 rejected, 1 repeated" in err
    assert ENGINE[:30] not in err
    assert KEYS[:8] not in err


def test_parquet_csv_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    given = written(tmp_path / "in.jsonl", tail="not json\n")
    report = tmp_path / "report.html"
    nested, flat, table = (tmp_path / name for name in ("n.parquet", "f.parquet", "t.csv"))
    common = ["--threads", "2", "--screen", "--quiet"]
    assert main(["batch", given, "-o", str(nested), "--report", str(report), *common]) == 4
    assert main(["batch", given, "-o", str(flat), "--layout", "flat", *common]) == 4
    assert main(["batch", given, "-o", str(table), *common]) == 4
    assert capsys.readouterr().err == ""
    rows = pq.read_table(nested).to_pylist()
    assert [row["id"] for row in rows] == ["A-1", "B-2", "C-3", "D-4"]
    assert rows[1]["screening"]["verdict"] == "not_screened"
    flags = {(row["id"], label) for row in rows for label in row["assigned"] + row["possible"]}
    flat_rows = pq.read_table(flat).to_pylist()
    assert {(row["id"], row["label"]) for row in flat_rows if row["label"]} == flags
    with table.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(row["id"], row["label"] or None) for row in lines] == [
        (row["id"], row["label"]) for row in flat_rows
    ]
    assert [float(r["score"]) if r["score"] else None for r in lines] == [
        row["score"] for row in flat_rows
    ]
    page = report.read_text(encoding="utf-8")
    assert "<svg" in page
    assert "Scramjet engines" in page
    assert not re.search(r"(src|href)=|url\(|@import|<script", page)
    assert ENGINE[:30] not in page
    (bad,) = rows_of(tmp_path / "n.parquet.quarantine.jsonl")
    assert (bad["record"], bad["line"], bad["reason"]) == (4, 5, "not_json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such.jsonl", "-o", "out.jsonl"], "no-such.jsonl"),
        (["in.jsonl", "-o", "out.txt"], "say --format"),
        (["in.jsonl", "-o", "in.jsonl"], "is one of the inputs"),
        (["folder", "-o", "folder/out.jsonl"], "or would be in the next run"),
        (["*n.jsonl", "-o", "then.jsonl"], "or would be in the next run"),
        (["**/*n.jsonl", "-o", "then.jsonl"], "--output: is one of the inputs"),
        (["folder/../*n*.jsonl", "-o", "o.csv"], "--quarantine: its default, o.csv.quar"),
        (["*n*.jsonl", "-o", "o.csv"], "--quarantine: its default, o.csv.quarantine.jsonl, is one"),
        (
            ["folder/**/*.jsonl", "-o", "folder/o.csv", "--quarantine", "q"],
            "--output: its work folder, o.csv.critech, is one of the inputs",
        ),
        (
            ["**/shards/*.csv", "in.jsonl", "-o", "o", "--format", "csv", "--quarantine", "q"],
            "--output: its work folder, o.critech, is one of the inputs",
        ),
        (["in.jsonl", "-o", "none/out.jsonl"], "its folder does not exist"),
        (["in.jsonl", "-o", "folder", "--format", "csv"], "--output: is a folder"),
        (["in.jsonl", "-o", "o.csv", "--quarantine", "none/q"], "--quarantine: its folder does"),
        (["in.jsonl", "-o", "o.csv", "--report", "in.jsonl"], "--report: is one of the inputs"),
        (["in.jsonl", "-o", "o.csv", "--quarantine", "o.csv"], "is the file of --output, too"),
        (["in.jsonl", "-o", "o.csv", "--report", "folder/../o.csv"], "is the file of --output"),
        (
            ["in.jsonl", "-o", "o.csv", "--report", "o.csv.quarantine.jsonl"],
            "--report: is the file of --quarantine, too",
        ),
        (["in.jsonl", "-o", "-"], "--output: is -, but standard output is not written to; name"),
        (["in.jsonl", "-o", "-", "--format", "csv"], "--output: is -, but standard output"),
        (["in.jsonl", "-o", "-", "--engine", "ray"], "--output: is -, but standard output"),
        (["in.jsonl", "-o", "o.csv", "--report", "-"], "--report: is -, but standard output"),
        (["in.jsonl", "-o", "o.csv", "--quarantine", "-"], "--quarantine: is -, but standard out"),
        (
            ["in.jsonl", "-o", "s3://b/out.jsonl"],
            "--output: is an address, which goes with --engine ray or spark only; give a path",
        ),
        (
            ["in.jsonl", "-o", "o.csv", "--bundle", "s3://b/x"],
            "--bundle: is an address, which goes",
        ),
        (["in.jsonl", "-o", "o.csv", "--report", "s3://b/r.html"], "--report: is an address; give"),
        (["in.jsonl", "-o", "there.jsonl"], "is there already"),
        (["in.jsonl", "-o", "out.jsonl", "--taxonomy", "x"], "unknown taxonomy"),
        (["in.jsonl", "-o", "out.jsonl", "--field", "text=nothing"], "no such column"),
    ],
)
def test_what_cannot_be_done_exits_with_1(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "in.jsonl")
    (tmp_path / "folder").mkdir()
    written(tmp_path / "folder" / "in.jsonl")
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "in.csv").write_text("text\nA drawer hinge.\n")
    (tmp_path / "there.jsonl").write_text("mine")
    assert main(["batch", *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert (tmp_path / "there.jsonl").read_text() == "mine"
    assert not (tmp_path / "-").exists()


def test_a_file_may_be_named_as_standard_output_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "in.jsonl")
    assert main(["batch", "in.jsonl", "-o", "./-", "--format", "jsonl", "--quiet"]) == 0
    assert len(rows_of(tmp_path / "-")) == len(ROWS)


def test_a_glob_takes_in_what_it_matches_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "in.jsonl", tail="not json\n")
    (tmp_path / "to").mkdir()
    command = ["batch", "*.jsonl", "-o", "to/out.parquet", "--quiet"]
    for _ in range(2):
        assert main(command) == 4
    assert len(rows_of(tmp_path / "to" / "out.parquet.quarantine.jsonl")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["in.jsonl"],
        ["in.jsonl", "-o", "o.jsonl", "--threads", "2", "--processes", "2"],
        ["in.jsonl", "-o", "o.jsonl", "--memory", "1"],
        ["in.jsonl", "-o", "o.jsonl", "--shard-rows", "0"],
        ["in.jsonl", "-o", "o.jsonl", "--min-score", "2"],
        ["in.jsonl", "-o", "o.jsonl", "--max-errors", "-1"],
    ],
)
def test_usage_errors_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["batch", *arguments])
    assert ended.value.code == 2


def test_too_many_errors_and_on_with_a_higher_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = written(tmp_path / "in.jsonl", tail="x\nx\nx\n")
    command = ["batch", given, "-o", str(tmp_path / "out.jsonl"), "--no-progress"]
    assert main([*command, "--max-errors", "2"]) == 5
    assert "more than --max-errors 2" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
    assert main([*command, "--max-errors", "3"]) == 4
    assert "going on after 7 records of an earlier run" in capsys.readouterr().err
    assert len(rows_of(tmp_path / "out.jsonl")) == 4
    assert main([*command, "--max-errors", "3", "--top-k", "1"]) == 1
    assert "other settings (top-k)" in capsys.readouterr().err
    assert main([*command, "--restart", "--top-k", "1"]) == 4


def test_a_quarantine_that_is_gone_or_changed_is_made_anew_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, out = written(tmp_path / "in.jsonl", tail="not json\n"), tmp_path / "out.jsonl"
    command = ["batch", given, "-o", str(out), "--threads", "2"]
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    assert main(command) == 4
    assert capsys.readouterr().err.endswith(f"rejected: {quarantine}\n")
    whole = quarantine.read_bytes()
    quarantine.unlink()
    assert main(command) == 4
    err = capsys.readouterr().err
    assert f"{quarantine} is gone since the run was finished: made anew from the input\n" in err
    assert err.endswith(f"rejected: {quarantine}\n")
    assert quarantine.read_bytes() == whole
    quarantine.write_bytes(whole[:-5])
    assert main(command) == 4
    assert f"{quarantine} was changed since the run was finished: made" in capsys.readouterr().err
    assert quarantine.read_bytes() == whole


def test_a_quarantine_that_cannot_be_made_anew_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(classifier: Classifier, records: Sequence[Record], options: RowOptions) -> list[Row]:
        if records[0].id == "B-2":
            raise ValueError("words of the record")
        return classify_records(classifier, records, options)

    monkeypatch.setattr("critech.batch.rows.classify_records", fails)
    given, out = written(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    command = ["batch", given, "-o", str(out), "--threads", "2", "--quiet"]
    quarantine = tmp_path / "out.jsonl.quarantine.jsonl"
    assert main(command) == 4
    quarantine.unlink()
    capsys.readouterr()
    assert main(command) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"critech: {quarantine} is gone since the run was finished, and holds")
    assert err.endswith("or begin anew with --restart\n")
    assert main([*command, "--restart"]) == 4
    assert len(rows_of(quarantine)) == 1


def test_a_quarantine_that_an_older_receipt_does_not_know_is_told_to_be_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, out = written(tmp_path / "in.jsonl", tail="not json\n"), tmp_path / "out.jsonl"
    command = ["batch", given, "-o", str(out), "--threads", "2"]
    assert main(command) == 4
    (tmp_path / "out.jsonl.quarantine.jsonl").unlink()
    journal = JournalFile(tmp_path / "out.jsonl.critech" / "journal.jsonl", Disk())
    finished = journal.finished or ""
    journal.cut(journal.n_shards)
    journal.finish(finished, None)
    assert main(command) == 4
    assert "which is gone; --restart makes it again" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["3", "0"], ids=["finished", "stopped"])
def test_another_quarantine_is_another_run(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = written(tmp_path / "in.jsonl", tail="not json\n")
    notes, bad = tmp_path / "notes.txt", tmp_path / "bad.jsonl"
    notes.write_text("mine")
    command = ["batch", given, "-o", str(tmp_path / "out.jsonl"), "--quiet"]
    one = [*command, "--quarantine", str(bad)]
    assert main([*one, "--max-errors", first]) == (4 if first == "3" else 5)
    for other in ([*command, "--quarantine", str(notes)], command):
        assert main(other) == 1
        assert "other settings (quarantine)" in capsys.readouterr().err
    assert notes.read_text() == "mine"
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--quarantine", "bad.jsonl"]) == 4
    assert len(rows_of(bad)) == 1


def test_a_signal_stops_and_the_same_command_goes_on(tmp_path: Path) -> None:
    rows = [{"id": f"{i}", "text": f"{ENGINE} Variant {i}."} for i in range(48)]
    given = written(tmp_path / "in.jsonl", rows)
    out = tmp_path / "out.jsonl"
    command = [given, "-o", str(out), "--shard-rows", "4", "--threads", "2"]
    process = batch(*command)
    journal = tmp_path / "out.jsonl.critech" / "journal.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 143
    assert re.search(r"stopped after \d+ records; run the same command again to go on", err)
    assert not out.exists()
    assert main(["batch", *command]) == 0
    again = tmp_path / "again.jsonl"
    assert main(["batch", given, "-o", str(again), "--processes", "2", "--quiet"]) == 0
    assert out.read_bytes() == again.read_bytes()
    assert [row["id"] for row in rows_of(out)] == [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGTERM, 143, "stopped after"), (signal.SIGKILL, 6, "a worker process ended")],
)
def test_signals_that_reach_workers(
    number: signal.Signals, code: int, message: str, tmp_path: Path
) -> None:
    """A service manager sends SIGTERM to all processes at once: that stops the run. What ends one
    worker alone, as for want of memory, is told, and the other one does not keep the run."""
    rows = [{"id": f"{i}", "text": f"{ENGINE} Variant {i}."} for i in range(400)]
    given = written(tmp_path / "in.jsonl", rows)
    command = [given, "-o", str(tmp_path / "out.jsonl"), "--processes", "2", "--shard-rows", "4"]
    process = batch(*command, start_new_session=True)
    journal = tmp_path / "out.jsonl.critech" / "journal.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 9:  # both are at work
        assert process.poll() is None
        time.sleep(0.02)
    if number == signal.SIGTERM:
        os.killpg(process.pid, number)
    else:
        lost, other = _workers_of(process.pid)
        os.kill(other, signal.SIGSTOP)  # as if it were waiting for what the lost one held
        os.kill(lost, number)
    try:
        _, err = process.communicate(timeout=300)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == code, err
    assert message in err
    assert "run the same command again to go on" in err
    assert "Traceback" not in err


def _workers_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for one in map(int, children) if b"spawn_main" in _command_of(one)]


def _command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_standard_input(tmp_path: Path) -> None:
    written(tmp_path / "in.jsonl")
    out = tmp_path / "out.jsonl"
    for _ in range(2):  # the second time it is finished already
        with (tmp_path / "in.jsonl").open("rb") as stdin:
            process = batch("-", "-o", str(out), "--format-in", "jsonl", stdin=stdin)
            _, err = process.communicate()
        assert process.returncode == 0, err
        assert "\n-: jsonl; id=id title=title text=text\n" in err
    assert [row["source"] for row in rows_of(out)] == ["-"] * 4


def test_no_room_exits_with_6_and_the_same_command_goes_on(tmp_path: Path) -> None:
    import resource

    given = written(tmp_path / "in.jsonl")
    out = tmp_path / "out.jsonl"
    command = [given, "-o", str(out)]
    process = batch(
        *command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    )
    _, err = process.communicate()
    assert process.returncode == 6, err
    assert "File too large; when that is mended, run the same command again" in err
    assert "Traceback" not in err
    assert main(["batch", *command, "--quiet"]) == 0
    assert len(rows_of(out)) == 4


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    rows = [{"id": f"{i}", "text": f"{ENGINE} Variant {i}."} for i in range(400)]
    given = written(tmp_path / "in.jsonl", rows)
    process = batch(given, "-o", str(tmp_path / "out.jsonl"), "--processes", "2")
    children: list[str] = []
    while len(children) < 3:  # two workers and the tracker of shared resources
        assert process.poll() is None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        time.sleep(0.05)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while any(_runs(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
