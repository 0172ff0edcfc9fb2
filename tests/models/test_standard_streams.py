"""A command whose streams are closed, or have lost their reader, still ends as it should."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "critech.cli"]


def _unheard(stream: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command with one of its streams a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    try:
        return subprocess.run(
            [*COMMAND, *arguments], **{stream: writer, other: subprocess.PIPE}, check=False
        )
    finally:
        os.close(writer)


def test_results_that_nobody_reads_are_no_error() -> None:
    done = _unheard("stdout", "labels", "list", "jp-kprogram-50")
    assert done.returncode == 0
    assert done.stderr == b""


def test_an_error_that_nobody_reads_is_still_an_error() -> None:
    assert _unheard("stderr", "nonsense").returncode == 2
    assert _unheard("stderr", "labels", "show", "jp-kprogram-50:99").returncode == 1


def test_a_batch_whose_progress_nobody_reads_does_all_its_work(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    given, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [json.dumps({"text": f"A hinge with {i} dampers."}) for i in range(5)]
    given.write_text("\n".join([*lines, "no JSON"]), encoding="utf-8")
    bundle = ["--bundle", str(tiny_bundle)]
    done = _unheard("stderr", "batch", str(given), "-o", str(out), *bundle)
    assert done.returncode == 4
    assert len(out.read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_take_nothing_from_a_run(
    tiny_bundle: Path, tmp_path: Path, closed: str
) -> None:
    given, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    given.write_text(json.dumps({"text": "A hinge."}), encoding="utf-8")
    batch = ["batch", str(given), "-o", str(out), "--bundle", str(tiny_bundle)]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *COMMAND, *batch], check=False)
    assert done.returncode == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1


def test_without_a_standard_error_a_wrong_use_is_told_by_the_exit_code() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *COMMAND, "nonsense"], check=False, capture_output=True
    )
    assert (done.returncode, done.stdout) == (2, b"")
