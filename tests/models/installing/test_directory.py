"""Install and roll back: atomic, whatever happens, whoever else does the same."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundle_edits import passes, variant
from critech import Classifier
from critech.bundle import METRICS, read_bundle
from critech.bundle.checking import check_bundle
from critech.bundle.manifest import SIGNATURE
from critech.bundle.pointer import POINTER, read_pointer
from critech.bundle.signature import generate, read_public_key, sign_bundle
from critech.errors import BundleError, InputError
from critech.installing import directory
from critech.installing.directory import LOCK, BundlesDirectory
from critech.installing.intake import Limits
from critech.installing.trial import load_tried

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def accept(_: Path) -> None:
    """A trial that every bundle passes."""


@pytest.fixture(scope="module")
def versions(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("versions")
    return [variant(tiny_bundle, folder / f"v{i}", f"{i}") for i in range(3)]


@pytest.fixture
def bundles(tmp_path: Path) -> BundlesDirectory:
    return BundlesDirectory(tmp_path / "bundles")


def current(bundles: BundlesDirectory) -> str:
    return read_bundle(bundles.path).version


def test_install_switch_and_back(bundles: BundlesDirectory, versions: list[Path]) -> None:
    first = bundles.install(versions[0], accept)
    assert (first.before, current(bundles)) == (None, "0")
    assert first.folder.name == f"tiny-0-{first.bundle.digest[7:23]}"
    for i in (1, 2):
        bundles.install(versions[i], accept)
        assert current(bundles) == str(i)
    for i in (1, 0):
        assert bundles.rollback().bundle.version == str(i) == current(bundles)
    with pytest.raises(BundleError, match="cannot be rolled back"):
        bundles.rollback()
    assert current(bundles) == "0"
    bundles.install(versions[2], accept)  # its folder is there still
    assert current(bundles) == "2"
    assert len([f for f in bundles.path.iterdir() if f.is_dir()]) == 3


def test_an_archive_is_installed(
    bundles: BundlesDirectory, versions: list[Path], tmp_path: Path
) -> None:
    source = shutil.make_archive(str(tmp_path / "a"), "gztar", versions[0])
    bundles.install(Path(source), accept)
    assert current(bundles) == "0"
    assert check_bundle(bundles.path).findings == ()


def test_the_service_may_read_what_another_user_installed(
    bundles: BundlesDirectory, versions: list[Path]
) -> None:
    folder = bundles.install(versions[0], accept).folder
    assert folder.stat().st_mode & 0o777 == 0o755
    readable = [*folder.iterdir(), bundles.path / POINTER]
    assert {path.stat().st_mode & 0o777 for path in readable} == {0o644}


def refuse(_: Path) -> None:
    raise BundleError("self-test", "is not passed", "sense", "nonsense")


def test_a_refused_bundle_changes_nothing(
    bundles: BundlesDirectory, versions: list[Path], tmp_path: Path
) -> None:
    bundles.install(versions[0], accept)
    before = sorted(path.name for path in bundles.path.iterdir())
    broken = shutil.copytree(versions[1], tmp_path / "broken")
    (broken / METRICS).write_bytes(b"{}")
    for source, trial in ((versions[1], refuse), (broken, accept), (tmp_path / "no", accept)):
        with pytest.raises(BundleError):
            bundles.install(source, trial)
        assert sorted(path.name for path in bundles.path.iterdir()) == before
        assert current(bundles) == "0"


def test_a_bundle_that_knows_nothing_fails_the_self_test(
    bundles: BundlesDirectory, versions: list[Path]
) -> None:
    with pytest.raises(BundleError, match="self-test: is not passed"):
        bundles.install(versions[0], lambda folder: load_tried(folder, 1).close())
    load_tried(versions[0], 1, test=passes).close()


def test_a_damaged_bundle_is_not_rolled_back_to(
    bundles: BundlesDirectory, versions: list[Path]
) -> None:
    old = bundles.install(versions[0], accept).folder
    bundles.install(versions[1], accept)
    (old / METRICS).write_bytes(b"{}")
    with pytest.raises(BundleError, match="has another SHA-256"):
        bundles.rollback()
    with pytest.raises(BundleError, match="has another size"):
        bundles.install(versions[0], accept)
    assert current(bundles) == "1"
    shutil.rmtree(old)
    with pytest.raises(BundleError, match="cannot be rolled back"):
        bundles.rollback()
    bundles.install(versions[0], accept)
    assert current(bundles) == "0"


def test_keys(bundles: BundlesDirectory, versions: list[Path], tmp_path: Path) -> None:
    generate(tmp_path / "k.key", tmp_path / "k.pub", None)
    key = read_public_key(tmp_path / "k.pub")
    with pytest.raises(BundleError, match="minisig: is missing"):
        bundles.install(versions[0], accept, key)
    assert read_pointer(bundles.path) == ()
    bundles.install(versions[0], accept)
    bundles.install(versions[1], accept)
    with pytest.raises(BundleError, match="minisig: is missing"):
        bundles.rollback(key)
    signed = Path(shutil.copytree(versions[0], tmp_path / "signed"))
    sign_bundle(signed, tmp_path / "k.key", None, NOON)
    folder = bundles.install(signed, accept, key).folder  # the same bundle, now with a signature
    assert read_bundle(bundles.path, key).version == "0"
    (signed / SIGNATURE).write_bytes(b"spoilt")
    bundles.install(signed, accept)
    assert (folder / SIGNATURE).read_bytes() != b"spoilt"


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"../x\n", b"/etc\n", b"a\n\nb\n", b"\xff\n", b".x\n"]
)
def test_a_damaged_pointer_is_refused(
    bundles: BundlesDirectory, versions: list[Path], data: bytes
) -> None:
    bundles.install(versions[0], accept)
    (bundles.path / POINTER).write_bytes(data)
    for use in (lambda: read_bundle(bundles.path), bundles.rollback):
        with pytest.raises(BundleError, match="current: is damaged"):
            use()


def test_a_bundles_directory_that_cannot_be_written(tmp_path: Path, versions: list[Path]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be read or written"):
        BundlesDirectory(tmp_path / "file").install(versions[0], accept)
    with pytest.raises(InputError, match="cannot be read or written"):
        BundlesDirectory(tmp_path / "nowhere").rollback()
    assert not (tmp_path / "nowhere").exists()


def test_a_lock_that_others_hold_ends_in_an_error(
    bundles: BundlesDirectory, versions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    bundles.install(versions[0], accept)
    monkeypatch.setattr(directory, "LOCK_SECONDS", 0.05)
    with (bundles.path / LOCK).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="locked by another command"):
            bundles.install(versions[1], accept)
    bundles.install(versions[1], accept)


def _install_many(path: Path, sources: list[Path], rounds: int) -> None:
    bundles = BundlesDirectory(path)
    for i in range(rounds):
        bundles.install(sources[i % len(sources)], accept)


def test_many_install_at_once(bundles: BundlesDirectory, versions: list[Path]) -> None:
    """Readers meanwhile see a whole bundle at any moment."""
    bundles.install(versions[0], accept)
    context = multiprocessing.get_context("spawn")
    orders = [versions, versions[::-1], versions[1:]]
    others = [context.Process(target=_install_many, args=(bundles.path, o, 4)) for o in orders]
    for process in others:
        process.start()
    seen = set()
    while any(process.is_alive() for process in others):
        seen.add(current(bundles))
    assert [process.exitcode for process in others] == [0, 0, 0]
    assert seen <= {"0", "1", "2"}
    folders = [f for f in bundles.path.iterdir() if f.is_dir()]
    assert len(folders) == 3
    assert all(check_bundle(folder).findings == () for folder in folders)
    assert sorted(read_pointer(bundles.path)) == sorted(folder.name for folder in folders)


CRASH = """
import os, sys
from pathlib import Path
from critech.bundle.checking import check_bundle
from critech.bundle.pointer import read_pointer
from critech.installing.directory import BundlesDirectory

old, new, top = map(Path, sys.argv[1:])
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def steps(event, args):
    if event == "open":
        return isinstance(args[2], int) and bool(args[2] & WRITING)
    return event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "fcntl.flock")

def child(bundles, at):
    left = at
    def step(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(9)  # as kill -9: nothing is tidied up
    sync = os.fsync
    os.fsync = lambda descriptor: (step(), sync(descriptor))
    sys.addaudithook(lambda event, args: step() if steps(event, args) else None)
    bundles.install(new, lambda folder: None)
    os._exit(0)

def version(path):
    report = check_bundle(path)
    assert report.findings == (), report.findings
    return report.bundle.version

seen, at = [], 0
while True:
    at += 1
    bundles = BundlesDirectory(top / str(at))
    bundles.install(old, lambda folder: None)
    pid = os.fork()
    if pid == 0:
        child(bundles, at)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    seen.append(version(bundles.path))
    assert len(read_pointer(bundles.path)) == (1 if seen[-1] == "0" else 2)
    bundles.install(new, lambda folder: None)
    assert version(bundles.path) == "1"
    assert len(list(bundles.path.glob(".staging-*"))) == 0
    assert sum(f.is_dir() for f in bundles.path.iterdir()) == 2
    assert bundles.rollback().bundle.version == "0"
    if code == 0:
        break
    assert code == 9, code
print(at, "".join(seen))
"""


def test_killed_at_any_step(versions: list[Path], tmp_path: Path) -> None:
    """The current bundle is the old one or the new one, whole; the next install goes through."""
    command = [sys.executable, "-W", "ignore", "-c", CRASH]
    done = subprocess.run(
        [*command, *map(str, versions[:2]), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    steps, seen = done.stdout.split()
    assert int(steps) > 30
    assert seen == "0" * seen.count("0") + "1" * seen.count("1")
    assert seen.count("1") >= 2


def test_limits_hold_for_folders(tmp_path: Path, versions: list[Path]) -> None:
    small = BundlesDirectory(tmp_path / "bundles", Limits(total=1_000))
    with pytest.raises(BundleError, match="too large"):
        small.install(versions[0], accept)


def test_the_classifier_and_the_command_line_read_the_current_one(
    bundles: BundlesDirectory, versions: list[Path]
) -> None:
    bundles.install(versions[1], accept)
    with Classifier.load(bundles.path, 1) as classifier:
        assert classifier.model.version == "1"
