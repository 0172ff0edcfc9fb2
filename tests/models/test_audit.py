"""The audit log: whatever is done to a line shows, and a crash loses nothing that was answered."""

from __future__ import annotations

import dataclasses
import datetime as dt
import errno
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from critech.audit import (
    ORIGIN,
    AuditError,
    Entry,
    Link,
    canonical,
    link_of,
    open_line,
    override_entry,
    seal,
)
from critech.audit_append import BATCH_SECONDS
from critech.audit_files import LogFiles
from critech.audit_log import AuditLog
from critech.audit_override import override
from critech.audit_report import Report
from critech.audit_secret import AuditSecret, read_secret
from critech.audit_verify import verify
from critech.cli import main
from critech.errors import InputError
from critech.screening.filing import Conditions, Filing

SECRET = AuditSecret(b"k" * 32)
FILING = Filing("A title", "An abstract.", ipc=("F02K 7/14",))
NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def entry(verdict: str = "review", filing: Filing = FILING) -> Entry:
    return {
        "kind": "screening",
        "secret": SECRET.fingerprint,
        "filing": SECRET.filing(filing),
        "model": {"version": "1", "digest": "sha256:0"},
        "certificate": {"status": "no_certificate", "digest": None},
        "taxonomy": {"id": "jp-secret-patent-25", "version": "2025-01-01"},
        "as_of": None,
        "verdict": verdict,
        "reasons": [{"code": "ipc_not_given", "field": "10"}],
        "key_id": None,
    }


def open_log(folder: Path, max_bytes: int = 1_000_000) -> AuditLog:
    return AuditLog(folder / "audit.jsonl", "off", max_bytes)


def all_files(folder: Path) -> list[Path]:
    files = LogFiles(folder / "audit.jsonl")
    return [*files.parts(), files.log]


def check(folder: Path, head: str | None = None) -> Report:
    return verify(all_files(folder), head)


def lines_of(folder: Path) -> list[tuple[Path, bytes]]:
    return [
        (path, line)
        for path in all_files(folder)
        for line in path.read_bytes().splitlines(keepends=True)
    ]


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for _, line in lines_of(folder)]


def what(report: Report) -> list[tuple[int, str]]:
    return [(finding.line, finding.what) for finding in report.findings]


# The record


def test_a_line_is_canonical_and_names_time_number_and_the_record_before(tmp_path: Path) -> None:
    here = dt.datetime(2026, 1, 31, 21, tzinfo=dt.timezone(dt.timedelta(hours=9)))
    with AuditLog(tmp_path / "audit.jsonl", clock=lambda: here) as log:
        (link,) = log.append([entry()])
    first, second = records(tmp_path)
    assert (first["kind"], first["seq"], first["prev"]) == ("start", 1, ORIGIN.hash)
    assert (second["seq"], second["prev"], second["hash"]) == (2, first["hash"], link.hash)
    assert second["time"] == "2026-01-31T12:00:00.000000Z"
    line = all_files(tmp_path)[0].read_bytes().splitlines()[1]
    assert line == canonical(second)
    assert open_line(line) == second
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}", b"[]", b"7", b"null", b"\xff", b"[" * 100_000, b'{"seq":NaN}', b'{"kind":[]}',
        b'{"hash":1,"kind":"start","seq":true}', b"1" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_record(line: bytes) -> None:
    assert open_line(line) is None


def test_a_record_that_lacks_what_its_kind_needs_is_none() -> None:
    for kind in ("start", "screening", "override", "recovered", "other"):
        _, line = seal({"kind": kind}, ORIGIN, NOON)
        assert open_line(line[:-1]) is None


TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=20)
FILINGS = st.builds(
    Filing,
    title=TEXT,
    abstract=TEXT,
    claims=st.none() | TEXT,
    language=st.sampled_from([None, "en", "ja"]),
    ipc=st.lists(TEXT, max_size=2).map(tuple),
    filing_date=st.none() | st.dates(),
    already_public=st.sampled_from(["yes", "no", "unknown"]),
    conditions=st.builds(Conditions, defence_use=st.sampled_from(["yes", "no", "unknown"])),
)


@given(a=FILINGS, b=FILINGS)
def test_digests_are_equal_only_for_equal_filings(a: Filing, b: Filing) -> None:
    assert (SECRET.filing(a) == SECRET.filing(b)) == (a == b)


@given(filing=FILINGS, key=st.binary(min_size=32, max_size=64), name=TEXT)
def test_digests_change_with_the_key_and_not_with_the_id(
    filing: Filing, key: bytes, name: str
) -> None:
    other = AuditSecret(key)
    named = SECRET.filing(dataclasses.replace(filing, id=name))
    assert named["hmac"] == SECRET.filing(filing)["hmac"]
    assert named["id_hmac"] != SECRET.filing(dataclasses.replace(filing, id=name + "x"))["id_hmac"]
    assert SECRET.filing(filing)["id_hmac"] is None
    same = key == SECRET.key
    assert (other.filing(filing) == SECRET.filing(filing)) == same
    assert (other.fingerprint == SECRET.fingerprint) == same


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Filing) if f.name != "id"])
def test_every_part_of_a_filing_counts(name: str) -> None:
    values: dict[str, Any] = {
        "ipc": ("F41A",), "filing_date": dt.date(2026, 1, 31), "invented_in_japan": "yes",
        "already_public": "no", "conditions": Conditions(commissioned_rd_bayh_dole="yes"),
        "language": "en",
    }  # fmt: skip
    other = dataclasses.replace(FILING, **{name: values.get(name, "other")})
    assert SECRET.filing(other)["hmac"] != SECRET.filing(FILING)["hmac"]


def test_the_secret_is_long_enough_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"s" * 32 + b"\n")
    assert read_secret(file).key == b"s" * 32
    assert "sss" not in repr(read_secret(file))
    file.write_bytes(b"s" * 31 + b"\n")
    with pytest.raises(InputError, match="at least 32 bytes") as raised:
        read_secret(file)
    assert "sss" not in str(raised.value)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_secret(tmp_path / "none")


# Tampering


def tear(folder: Path, at: float, n: int) -> None:
    """Leave the log as a kill -9 does within a write of ``n`` records, head not yet written."""
    last = open_line((folder / "audit.jsonl").read_bytes().splitlines()[-1])
    assert last is not None
    link, data = link_of(last), b""
    for _ in range(n):
        link, line = seal(entry("refer"), link, NOON)
        data += line
    with (folder / "audit.jsonl").open("ab") as file:
        file.write(data[: int(at * len(data))])


STEPS = st.lists(
    st.tuples(st.integers(1, 3), st.none() | st.tuples(st.floats(0, 1), st.integers(1, 2))),
    min_size=1,
    max_size=4,
)


@contextmanager
def random_log(steps: Sequence[Any], max_bytes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n, torn in steps:
            with open_log(folder, max_bytes) as log:
                log.append([entry() for _ in range(n)])
            if torn is not None:
                tear(folder, *torn)
        with open_log(folder, max_bytes) as log:
            log.append([entry("no_indication")])
        yield folder


LOGS = {"steps": STEPS, "max_bytes": st.sampled_from([1_500, 4_000, 1_000_000])}


@settings(max_examples=60)
@given(**LOGS)
def test_what_the_writer_writes_is_whole(steps: Sequence[Any], max_bytes: int) -> None:
    with random_log(steps, max_bytes) as folder:
        report = check(folder)
        assert report.findings == []
        assert report.first is not None and report.first.seq == 1
        assert report.last is not None and report.last.seq == report.records


@settings(max_examples=150)
@given(**LOGS, data=st.data())
def test_any_changed_byte_is_found(
    steps: Sequence[Any], max_bytes: int, data: st.DataObject
) -> None:
    with random_log(steps, max_bytes) as folder:
        files = [*all_files(folder), folder / "audit.jsonl.head"]
        path = data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
        path.write_bytes(content)
        assert check(folder).findings


def put_back(folder: Path, lines: Sequence[tuple[Path, bytes]]) -> None:
    for path in all_files(folder):
        path.write_bytes(b"".join(line for place, line in lines if place == path))


Change = Callable[[list[tuple[Path, bytes]], int, int], None]


def drop(lines: list[tuple[Path, bytes]], i: int, _: int) -> None:
    del lines[i]


def duplicate(lines: list[tuple[Path, bytes]], i: int, j: int) -> None:
    lines.insert(j, (lines[j][0], lines[i][1]))


def swap(lines: list[tuple[Path, bytes]], i: int, j: int) -> None:
    (a, first), (b, second) = lines[i], lines[j]
    lines[i], lines[j] = (a, second), (b, first)


def cut_end(lines: list[tuple[Path, bytes]], i: int, _: int) -> None:
    del lines[i:]


@settings(max_examples=150)
@given(**LOGS, data=st.data(), change=st.sampled_from([drop, duplicate, swap, cut_end]))
def test_any_dropped_doubled_or_swapped_line_is_found(
    steps: Sequence[Any], max_bytes: int, data: st.DataObject, change: Change
) -> None:
    with random_log(steps, max_bytes) as folder:
        before = lines_of(folder)
        after = list(before)
        places = st.integers(0, len(after) - 1)
        change(after, data.draw(places), data.draw(places))
        if after == before:
            return
        put_back(folder, after)
        assert check(folder).findings


@settings(max_examples=60)
@given(**LOGS, data=st.data())
def test_any_file_left_out_but_the_first_ones_is_found(
    steps: Sequence[Any], max_bytes: int, data: st.DataObject
) -> None:
    with random_log(steps, max_bytes) as folder:
        files = all_files(folder)
        if len(files) > 1:
            at = data.draw(st.integers(1, len(files) - 1))
            head = check(folder).last
            assert head is not None
            assert verify([*files[:at], *files[at + 1 :]], head.hash).findings
            rest = verify(files[at:])
            assert rest.findings == []
            assert "what is before it was not given" in rest.notes[0]


@pytest.fixture
def log_of_five(tmp_path: Path) -> Path:
    with open_log(tmp_path) as log:
        for verdict in ("refer", "review", "no_indication", "review"):
            log.append([entry(verdict)])
    return tmp_path


def edit(folder: Path, change: Callable[[list[bytes]], object]) -> list[tuple[int, str]]:
    path = folder / "audit.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))
    return what(check(folder))


def test_findings_name_the_line_and_what(log_of_five: Path) -> None:
    path = log_of_five / "audit.jsonl"
    whole = path.read_bytes()

    def fresh(change: Callable[[list[bytes]], object]) -> list[tuple[int, str]]:
        path.write_bytes(whole)
        return edit(log_of_five, change)

    def change_verdict(lines: list[bytes]) -> None:
        lines[1] = lines[1].replace(b'"refer"', b'"review"')

    def swap_two(lines: list[bytes]) -> None:
        lines[2], lines[3] = lines[3], lines[2]

    assert fresh(change_verdict) == [(2, "changed")]
    assert fresh(lambda lines: lines.pop(2)) == [(3, "missing")]
    assert fresh(lambda lines: lines.pop(0)) == [(1, "cut")]
    assert fresh(lambda lines: lines.pop()) == [(4, "cut")]
    assert fresh(lambda lines: lines.clear()) == [(1, "cut"), (1, "cut")]
    assert fresh(lambda lines: lines.insert(2, b"{}\n")) == [(3, "inserted")]
    assert fresh(lambda lines: lines.insert(3, lines[1])) == [(4, "inserted")]
    assert fresh(swap_two) == [(3, "missing"), (4, "moved")]
    assert fresh(lambda lines: lines.append(lines.pop()[:50])) == [(5, "torn"), (5, "cut")]


def test_a_record_that_was_hashed_again_breaks_the_next(log_of_five: Path) -> None:
    def forge(lines: list[bytes], at: int) -> None:
        record = json.loads(lines[at])
        content = {k: v for k, v in record.items() if k not in ("hash", "seq", "prev", "time")}
        link = Link(record["seq"] - 1, record["prev"])
        lines[at] = seal({**content, "verdict": "no_indication"}, link, NOON)[1]

    whole = (log_of_five / "audit.jsonl").read_bytes()
    assert edit(log_of_five, lambda lines: forge(lines, 1)) == [(3, "changed")]
    (log_of_five / "audit.jsonl").write_bytes(whole)
    assert edit(log_of_five, lambda lines: forge(lines, 4)) == [(5, "changed")]  # by the head


def test_a_head_kept_elsewhere_shows_a_log_written_anew(log_of_five: Path) -> None:
    kept = check(log_of_five).last
    assert kept is not None
    assert what(check(log_of_five, kept.hash)) == []
    with open_log(log_of_five) as log:
        log.append([entry()])
    report = check(log_of_five, kept.hash)
    assert what(report) == []
    assert report.notes == ["the head that was given is record 5"]
    for path in log_of_five.iterdir():
        path.unlink()
    with open_log(log_of_five) as log:
        for _ in range(9):
            log.append([entry("no_indication")])
    assert what(check(log_of_five)) == []
    assert what(check(log_of_five, kept.hash)) == [(10, "cut")]


def test_without_a_head_a_cut_end_is_said_not_to_show(log_of_five: Path) -> None:
    (log_of_five / "audit.jsonl.head").unlink()
    assert check(log_of_five).notes == [
        "no head was given or found: a cut at the end would not show"
    ]


def test_a_hostile_file_costs_no_memory_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"\n" * 50_000)
    assert what(verify([path])) == [(1, "changed")]
    path.write_bytes(b"x" * 3_000_000 + b"\n{}")
    assert what(verify([path])) == [(1, "torn")]
    lines = [seal(entry(), ORIGIN, NOON)[1]] * 3000
    path.write_bytes(b"".join(lines))
    report = verify([path])
    assert len(report.findings) == 1000
    assert report.unlisted > 1900
    torn: Any
    for torn in (7, [], {}, {"bytes": "x"}):
        _, line = seal({"kind": "recovered", "torn": torn, "lost": 0, "head": "x"}, ORIGIN, NOON)
        path.write_bytes(line)
        assert what(verify([path]))


# Crashes, other processes, rotation


def test_a_torn_line_stays_and_is_told_of(
    log_of_five: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tear(log_of_five, 0.5, 1)
    before = (log_of_five / "audit.jsonl").read_bytes()
    assert what(check(log_of_five)) == [(6, "torn")]
    with open_log(log_of_five) as log:
        log.append([entry()])
    assert (log_of_five / "audit.jsonl").read_bytes().startswith(before + b"\n")
    report = check(log_of_five)
    assert report.findings == []
    assert report.notes[0].startswith("audit.jsonl:7: recovered: a torn line before it, 0 records")
    assert "audit log recovered" in caplog.text
    kinds = [json.loads(line)["kind"] for line in before.splitlines()[:5]]
    assert kinds == ["start"] + 4 * ["screening"]


def test_records_that_a_dead_writer_left_past_the_head_are_kept(log_of_five: Path) -> None:
    tear(log_of_five, 1.0, 2)
    assert check(log_of_five).notes == ["2 records past the head, as a crash leaves them"]
    with open_log(log_of_five) as log:
        (link,) = log.append([entry()])
    assert link.seq == 8
    assert check(log_of_five).findings == []


def test_a_recovery_that_is_torn_itself_is_recovered_from(log_of_five: Path) -> None:
    path = log_of_five / "audit.jsonl"
    tear(log_of_five, 0.5, 1)
    before = path.read_bytes()
    with open_log(log_of_five):
        pass
    recovered = path.read_bytes()[len(before) :]
    head = (log_of_five / "audit.jsonl.head").read_bytes()
    for n in range(len(recovered) + 1):
        path.write_bytes(before + recovered[:n])
        old = f"{5:020d} {json.loads(before.splitlines()[4])['hash']}\n".encode()
        (log_of_five / "audit.jsonl.head").write_bytes(old)
        with open_log(log_of_five) as log:
            log.append([entry()])
        assert check(log_of_five).findings == [], n
    assert head


def test_a_log_cut_under_a_head_goes_on_and_shows_it_for_good(log_of_five: Path) -> None:
    path = log_of_five / "audit.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    with open_log(log_of_five) as log:
        (link,) = log.append([entry()])
    assert link.seq == 7
    report = check(log_of_five)
    assert what(report) == [(4, "missing")]
    assert "records 4 to 5 are missing" in report.findings[0].message
    assert records(log_of_five)[3]["lost"] == 2


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_log_that_is_gone_shows(log_of_five: Path, how: str) -> None:
    path = log_of_five / "audit.jsonl"
    path.unlink() if how == "deleted" else path.write_bytes(b"")
    with open_log(log_of_five) as log:
        log.append([entry()])
    assert what(check(log_of_five)) == [(1, "missing")]


@pytest.mark.parametrize(
    ("head", "state"), [(b"", "missing"), (b"x", "unreadable"), (None, "missing")]
)
def test_a_lost_head_is_put_on_record(log_of_five: Path, head: bytes | None, state: str) -> None:
    path = log_of_five / "audit.jsonl.head"
    path.unlink() if head is None else path.write_bytes(head)
    with open_log(log_of_five):
        pass
    assert records(log_of_five)[5]["head"] == state
    assert check(log_of_five).findings == []


def test_an_end_that_was_written_anew_is_not_taken_over(log_of_five: Path) -> None:
    path = log_of_five / "audit.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    last = json.loads(lines[3])
    path.write_bytes(b"".join(lines[:4]) + seal(entry("no_indication"), link_of(last), NOON)[1])
    with open_log(log_of_five):
        pass
    assert records(log_of_five)[5]["head"] == "differs"
    assert what(check(log_of_five)) == [(6, "changed")]


def test_another_file_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"#!/bin/sh\n")
    with pytest.raises(AuditError, match="not an audit log"):
        open_log(tmp_path)
    assert path.read_bytes() == b"#!/bin/sh\n"
    path.unlink()
    path.mkdir()
    with pytest.raises(AuditError, match="not a regular file"):
        open_log(tmp_path)
    with pytest.raises(AuditError, match="No such file"):
        open_log(tmp_path / "none")


def test_rotation_carries_the_chain_over(tmp_path: Path) -> None:
    with open_log(tmp_path, 2_000) as log:
        for _ in range(12):
            log.append([entry()])
    files = all_files(tmp_path)
    assert [path.name for path in files[:2]] == ["audit-000001.jsonl", "audit-000002.jsonl"]
    assert all(path.stat().st_size <= 2_000 for path in files)
    for old, new in itertools.pairwise(files):
        first = json.loads(new.read_bytes().splitlines()[0])
        last = json.loads(old.read_bytes().splitlines()[-1])
        assert (first["kind"], first["prev"], first["continues"]) == (
            "start", last["hash"], old.name,
        )  # fmt: skip
    assert check(tmp_path).findings == []
    assert verify([files[1], files[0], *files[2:]]).findings
    with open_log(tmp_path, 2_000) as log:
        log.append([entry() for _ in range(9)])  # more than a file may hold stays together
    assert check(tmp_path).findings == []


def test_parts_can_be_moved_away(tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    for _ in range(3):
        with open_log(tmp_path, 2_000) as log:
            for _ in range(4):
                log.append([entry()])
        for part in log.files.parts():
            part.rename(away / part.name)
    names = sorted(path.name for path in away.iterdir())
    assert names == [f"audit-{number:06d}.jsonl" for number in range(1, len(names) + 1)]
    assert len(names) > 3
    assert verify([*sorted(away.iterdir()), tmp_path / "audit.jsonl"]).findings == []
    assert check(tmp_path).findings == []


def test_a_crash_between_the_two_renames_of_a_rotation(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.append([entry()])
    (tmp_path / "audit.jsonl").rename(tmp_path / "audit-000001.jsonl")
    (tmp_path / "audit.jsonl.new").write_bytes(b'{"torn')
    with open_log(tmp_path) as log:
        log.append([entry()])
    assert [record["kind"] for record in records(tmp_path)] == [
        "start", "screening", "start", "screening",
    ]  # fmt: skip
    assert check(tmp_path).findings == []


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[4:]
from critech.audit_log import AuditLog
from test_audit import entry
with AuditLog(Path(sys.argv[1]), "off", int(sys.argv[2])) as log:
    for _ in range(int(sys.argv[3])):
        links = log.append([entry(), entry()])
        print(links[-1].seq, links[-1].hash, flush=True)
"""


def writer(folder: Path, max_bytes: int, n: int) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    arguments = [str(folder / "audit.jsonl"), str(max_bytes), str(n), here]
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True
    )


def test_two_processes_and_their_threads_write_one_chain(tmp_path: Path) -> None:
    n = 40
    processes = [writer(tmp_path, 20_000, n) for _ in range(2)]
    with open_log(tmp_path, 20_000) as log:
        threads = [
            threading.Thread(target=lambda: [log.append([entry()]) for _ in range(n)])
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    answered = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert check(tmp_path).findings == []
    found = records(tmp_path)
    assert sum(record["kind"] == "screening" for record in found) == 2 * 2 * n + 3 * n
    assert len(all_files(tmp_path)) > 3
    links = {f"{record['seq']} {record['hash']}" for record in found}
    assert {line for lines in answered for line in lines} <= links


def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    answered = []
    for n in (5, 17, 60):
        process = writer(tmp_path, 20_000, 1_000_000)
        assert process.stdout is not None
        answered += [process.stdout.readline().strip() for _ in range(n)]
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0].split("\n")
        answered += rest[:-1]
    with open_log(tmp_path, 20_000):
        pass
    assert check(tmp_path).findings == []
    links = {f"{record['seq']} {record['hash']}" for record in records(tmp_path)}
    assert set(answered) <= links


def test_a_full_disk_raises_and_leaves_the_log_whole(log_of_five: Path) -> None:
    path = log_of_five / "audit.jsonl"
    size = path.stat().st_size
    with open_log(log_of_five) as log:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
        try:
            with pytest.raises(AuditError, match="cannot be written: File too large"):
                log.append([entry()])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.stat().st_size == size
        (link,) = log.append([entry()])
    assert link.seq == 6
    assert check(log_of_five).findings == []


def test_fsync_policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for policy, at_once in (("always", 3), ("batch", 0), ("off", 0)):
        with AuditLog(tmp_path / f"{policy}.jsonl", policy) as log:  # type: ignore[arg-type]
            synced.clear()
            for _ in range(3):
                log.append([entry()])
            assert len(synced) == at_once
            if policy == "batch":
                time.sleep(BATCH_SECONDS + 0.5)
                assert len(synced) == 1
                log.append([entry()])
            synced.clear()
        assert len(synced) == (policy == "batch")


@pytest.mark.parametrize("policy", ["always", "batch"])
def test_a_disk_that_fails_is_not_passed_over(
    policy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with AuditLog(tmp_path / "audit.jsonl", policy) as log:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fail)
            if policy == "batch":  # the next one hears of it
                log.append([entry()])
                time.sleep(BATCH_SECONDS + 0.5)
            with pytest.raises(AuditError, match="Input/output error"):
                log.append([entry()])
        log.append([entry()])
    assert check(tmp_path).findings == []


def test_a_lock_that_is_held_for_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    with open_log(tmp_path) as log:
        monkeypatch.setattr("critech.audit_head.LOCK_SECONDS", 0.05)
        with (tmp_path / "audit.jsonl.head").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(AuditError, match="locked by another process"):
                log.append([entry()])
        log.append([entry()])


# Overrides


def test_an_override_follows_the_record_and_the_last_override(log_of_five: Path) -> None:
    with open_log(log_of_five, 2_500) as log:
        override(log, 2, "review", "prior_art", "examiner.1")
        override(log, 2, "no_indication", "prior_art", "chief@office")
        for missing in (1, 6, 99):
            with pytest.raises(InputError, match="not a screening record"):
                override(log, missing, "refer", "prior_art", "examiner.1")
    first, second = [r for r in records(log_of_five) if r["kind"] == "override"]
    of = records(log_of_five)[1]
    assert first["of"] == second["of"] == {"seq": 2, "hash": of["hash"]}
    assert (first["verdict_before"], first["verdict_after"]) == ("refer", "review")
    assert (second["verdict_before"], second["verdict_after"]) == ("review", "no_indication")
    assert second["filing"] == of["filing"]
    assert check(log_of_five).findings == []


@pytest.mark.parametrize(
    ("verdict", "code", "reviewer", "field"),
    [
        ("secret", "c", "r", "verdict"),
        ("refer", "A text about rockets", "r", "reason_code"),
        ("refer", "c\n", "r", "reason_code"),
        ("refer", "c", "Jo Doe", "reviewer"),
        ("refer", "c", "", "reviewer"),
        ("refer", "c", "r" * 65, "reviewer"),
    ],
)
def test_no_free_text_gets_into_an_override(
    verdict: str, code: str, reviewer: str, field: str
) -> None:
    with pytest.raises(InputError) as raised:
        override_entry({}, "refer", verdict, code, reviewer)
    assert raised.value.field == field


# The command


def test_verify_on_the_command_line(log_of_five: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(log_of_five / "audit.jsonl")
    assert main(["audit", "verify", path]) == 0
    out = capsys.readouterr().out
    assert out.endswith("whole\n")
    head = out.split("head ")[1].split()[0]
    assert main(["audit", "verify", path, "--head", head]) == 0
    assert main(["audit", "verify", path, "--head", "sha256:" + 64 * "0"]) == 1
    capsys.readouterr()
    edit(log_of_five, lambda lines: lines.pop(2))
    assert main(["audit", "verify", path]) == 1
    out = capsys.readouterr().out
    assert "audit.jsonl:3: missing: records 3 to 3 are missing before this" in out
    assert out.endswith("damaged\n")
    assert main(["audit", "verify", "/no/such/log"]) == 1
    assert "log: cannot be read: No such file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["audit", "verify", path, "--head", "x"])


def test_override_on_the_command_line(
    log_of_five: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(log_of_five / "audit.jsonl")
    options = ["--verdict", "refer", "--reason-code", "applicant_asked", "--reviewer", "e.1"]
    assert main(["audit", "override", path, "--record", "3", *options]) == 0
    assert capsys.readouterr().out.startswith("record 6, head sha256:")
    assert main(["audit", "override", path, "--record", "1", *options]) == 1
    assert main(["audit", "override", path + "x", "--record", "3", *options]) == 1
    assert not (log_of_five / "audit.jsonlx").exists()
    assert check(log_of_five).findings == []


def test_an_override_of_a_finished_part_is_refused_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_log(tmp_path, 2_500) as log:
        for _ in range(9):
            log.append([entry()])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    part = all_files(tmp_path)[0]
    assert part.name == "audit-000001.jsonl"
    options = ["--verdict", "refer", "--reason-code", "applicant_asked", "--reviewer", "e.1"]
    for record in ("2", "1"):
        assert main(["audit", "override", str(part), "--record", record, *options]) == 1
    assert "no head beside it" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert check(tmp_path).findings == []


def test_an_override_on_the_command_line_leaves_rotation_to_the_server(
    log_of_five: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = ("off", 10, lambda: dt.datetime.now(dt.UTC))
    monkeypatch.setattr(AuditLog.__init__, "__defaults__", defaults)
    path = log_of_five / "audit.jsonl"
    before = path.stat()
    options = ["--verdict", "refer", "--reason-code", "applicant_asked", "--reviewer", "e.1"]
    assert main(["audit", "override", str(path), "--record", "3", *options]) == 0
    assert path.stat().st_ino == before.st_ino
    assert LogFiles(path).parts() == []


def test_the_digest_of_a_filing_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_bytes(SECRET.key)
    row = {"title": FILING.title, "abstract": FILING.abstract, "ipc": list(FILING.ipc)}
    (tmp_path / "filings.json").write_text(json.dumps([row, {**row, "id": "A-1"}]))
    arguments = ["--file", str(tmp_path / "filings.json"), "--hmac-file", str(tmp_path / "secret")]
    assert main(["audit", "hmac", *arguments]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"filings[0] {SECRET.filing(FILING)['hmac']} -"
    assert second.split()[1] == first.split()[1]


def test_an_override_looks_for_the_record_before_it_holds_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    parsed: list[int] = []

    def watched(line: bytes) -> Any:
        record = open_line(line)
        if record is not None and record["kind"] != "start":
            with (tmp_path / "audit.jsonl.head").open("rb") as head:
                fcntl.flock(head, fcntl.LOCK_EX | fcntl.LOCK_NB)
            parsed.append(record["seq"])
        return record

    with open_log(tmp_path, 2_500) as log:
        for _ in range(9):
            log.append([entry()])
        assert len(log.files.parts()) > 1
        monkeypatch.setattr("critech.audit_override.open_line", watched)
        link, record = override(log, 3, "refer", "prior_art", "examiner.1")
    assert parsed == [3]
    assert (record["seq"], link.seq) == (3, records(tmp_path)[-1]["seq"])


def test_an_override_that_comes_in_between_counts(
    log_of_five: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_log(log_of_five, 2_500) as log:
        append = log.append_built

        def late(build: Callable[[], Sequence[Entry]]) -> list[Link]:
            monkeypatch.setattr(log, "append_built", append)
            override(log, 2, "no_indication", "prior_art", "chief@office")
            log.append([entry()] * 5)
            return append(build)

        monkeypatch.setattr(log, "append_built", late)
        override(log, 2, "review", "prior_art", "examiner.1")
    assert records(log_of_five)[-1]["verdict_before"] == "no_indication"
