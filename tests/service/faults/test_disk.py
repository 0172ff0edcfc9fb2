"""Full, read-only and unreadable disks: no answer without a record, no harm to what needs no disk,
and an end with a word for what cannot be read."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from server_process import SERVE, ask, ask_json, prepared, running

from critech.audit_verify import verify
from critech.bundle import MANIFEST, default_path
from critech_service.schemas import CLASSIFY_EXAMPLE
from critech_service.screen_schemas import SCREEN_EXAMPLE

CONFINED = [sys.executable, "-S", str(Path(__file__).parents[1] / "confined.py")]
SCREEN = {**SCREEN_EXAMPLE, "explain": False}
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
UNAVAILABLE = 77


def confined(how: str, *rest: str) -> list[str]:
    """Return what to put before a command; skip where the kernel does not have it."""
    tried = subprocess.run([*CONFINED, how, *rest, "true"], capture_output=True, check=False)
    if tried.returncode == UNAVAILABLE:
        pytest.skip(f"{how}: {tried.stderr.decode().strip()}")
    return [*CONFINED, how, *rest]


def mind_permissions() -> None:
    """Take from root what lets it read and write past permissions; nobody else has it."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def audited(folder: Path) -> dict[str, str]:
    return {
        "CRITECH_AUDIT_LOG": str(folder / "audit.jsonl"),
        "CRITECH_AUDIT_HMAC_KEY": "x" * 32,
    }


def test_a_full_disk(tmp_path: Path) -> None:
    """A disk of 16 KB of its own under the audit log: it fills, screening is answered 503, what was
    recorded stays whole, and all else goes on."""
    folder = tmp_path / "audit"
    folder.mkdir()
    start = confined("small-disk", str(folder), "16384")
    with running(tmp_path, env=audited(folder), before=start) as server:
        statuses = [ask_json(server.where, "/v1/screen", SCREEN).status for _ in range(40)]
        assert set(statuses) == {200, 503}
        assert statuses == sorted(statuses)
        assert ask_json(server.where, "/v1/classify", CLASSIFY_EXAMPLE).status == 200
        assert ask(server.where, "GET", "/readyz").status == 200
        inside = Path(f"/proc/{server.pid}/root{folder}/audit.jsonl")
        copy = tmp_path / "copy.jsonl"
        copy.write_bytes(inside.read_bytes())
        report = verify([copy])
        assert list(report.findings) == []
        assert report.records == statuses.count(200) + 1
        assert b"No space left" in server.said()


def test_a_disk_that_turns_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.mkdir()
    with running(tmp_path, env=audited(folder), preexec=mind_permissions) as server:
        assert ask_json(server.where, "/v1/screen", SCREEN).status == 200
        (folder / "audit.jsonl.head").chmod(0o400)
        (folder / "audit.jsonl").chmod(0o400)
        folder.chmod(0o500)
        try:
            refused = ask_json(server.where, "/v1/screen", SCREEN)
            assert refused.status == 503
            assert refused.header("Retry-After")
            assert ask_json(server.where, "/v1/classify", CLASSIFY_EXAMPLE).status == 200
        finally:
            folder.chmod(0o700)
            (folder / "audit.jsonl").chmod(0o600)
            (folder / "audit.jsonl.head").chmod(0o600)
        assert ask_json(server.where, "/v1/screen", SCREEN).status == 200
        assert list(verify([folder / "audit.jsonl"]).findings) == []


def test_a_root_that_is_read_only(tmp_path: Path) -> None:
    """Without an audit log nothing on any disk needs to be written to, from start to end."""
    (tmp_path / "socket").mkdir()
    where = str(tmp_path / "socket" / "s")
    start = confined("read-only", str(tmp_path / "socket"))
    with running(tmp_path, "--uds", where, before=start) as server:
        for path, body in (("/v1/classify", CLASSIFY_EXAMPLE), ("/v1/screen", SCREEN)):
            assert ask_json(where, path, body).status == 200
        assert server.stop() == 0


def test_a_read_only_disk_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.mkdir(mode=0o500)
    done = subprocess.run(
        [*SERVE, "--port", "0"],
        env={**prepared(tmp_path), **audited(folder)}, preexec_fn=mind_permissions,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "audit log cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("what", ["file without permission", "cut file", "folder"])
def test_an_unreadable_bundle(tmp_path: Path, what: str) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(default_path(), bundle)
    if what == "file without permission":
        (bundle / "encoder.onnx").chmod(0)
    elif what == "cut file":
        os.truncate(bundle / "arrays.npz", 1000)
    else:
        (bundle / MANIFEST).unlink()
        (bundle / MANIFEST).mkdir()
    done = subprocess.run(
        [*SERVE, "--port", "0", "--bundle", str(bundle)],
        env=prepared(tmp_path), preexec_fn=mind_permissions,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("critech: bundle")
