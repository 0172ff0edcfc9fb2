"""Every way to tamper with a bundle is found and named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from bundle_edits import edit_manifest, replace_file
from critech.bundle import LABELS, MANIFEST, METRICS, OPTIONAL, REQUIRED, default_path
from critech.bundle.checking import check_bundle

FILES = REQUIRED + OPTIONAL


@pytest.fixture
def copy(student_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(student_bundle, tmp_path / "copy"))


def findings(folder: Path) -> list[tuple[str, str]]:
    return [(one.part, one.problem) for one in check_bundle(folder).findings]


def test_a_sound_bundle_has_no_findings(tiny_bundle: Path) -> None:
    for folder in (tiny_bundle, default_path()):
        report = check_bundle(folder)
        assert report.findings == ()
        assert report.bundle is not None
        assert report.as_dict()["digest"] == report.bundle.digest


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    assert findings(copy) == [(name, "has another SHA-256")]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["cut", "lengthened", "emptied"])
def test_another_length_is_found(copy: Path, name: str, change: str) -> None:
    data = (copy / name).read_bytes()
    changed = {"cut": data[:-1], "lengthened": data + b"\0", "emptied": b""}[change]
    (copy / name).write_bytes(changed)
    assert findings(copy) == [(name, "has another size")]


@pytest.mark.parametrize("name", FILES)
def test_a_removed_file_is_found(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert findings(copy) == [(name, "is missing")]


def test_swapped_files_are_both_found(copy: Path) -> None:
    (copy / METRICS).rename(copy / "aside")
    (copy / LABELS).rename(copy / METRICS)
    (copy / "aside").rename(copy / LABELS)
    assert sorted(part for part, _ in findings(copy)) == [LABELS, METRICS]


@pytest.mark.parametrize("name", ["extra.bin", ".hidden", "a\nb", "\udcff"])
def test_a_file_too_many_is_found_on_one_line(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"x")
    (finding,) = check_bundle(copy).findings
    assert finding.problem == "is not in the manifest"
    assert "\n" not in str(finding)


def test_a_folder_is_found(copy: Path) -> None:
    (copy / "more").mkdir()
    (finding,) = check_bundle(copy).findings
    assert (finding.part, finding.found) == ("more", "a folder")


def test_links_may_not_leave_the_folder(copy: Path, tmp_path: Path) -> None:
    outside = (copy / METRICS).rename(tmp_path / "outside")
    (copy / METRICS).symlink_to(outside)
    assert findings(copy) == [(METRICS, "is a link out of the folder")]
    (copy / METRICS).unlink()
    outside.rename(copy / "kept")
    (copy / METRICS).symlink_to("kept")
    assert findings(copy) == [("kept", "is not in the manifest")]


def test_a_pipe_in_place_of_a_file_does_not_hang(copy: Path) -> None:
    for name in (METRICS, MANIFEST):
        (copy / name).unlink()
        os.mkfifo(copy / name)
        assert findings(copy)[0][0] == name
        (copy / name).unlink()
        shutil.copy(default_path() / name, copy / name)


def test_all_findings_come_at_once(copy: Path) -> None:
    (copy / LABELS).unlink()
    (copy / METRICS).write_bytes(b"{}")
    (copy / "extra").touch()
    report = check_bundle(copy)
    assert sorted(one.part for one in report.findings) == ["extra", LABELS, METRICS]
    assert report.as_dict()["sound"] is False
    with pytest.raises(type(report.findings[0]), match="and 2 more"):
        report.raise_first()


@pytest.mark.parametrize("data", [b"", b"[]", b"7", b"{", b"\xff", b'{"format": 2}', b"[" * 99_999])
def test_what_is_no_manifest_is_found(copy: Path, data: bytes) -> None:
    (copy / MANIFEST).write_bytes(data)
    (finding,) = check_bundle(copy).findings
    assert finding.part == MANIFEST


@pytest.mark.parametrize("number", [0, 4, True, "2", 2.0, None, -1])
def test_another_format_number_is_found(copy: Path, number: object) -> None:
    edit_manifest(copy, format=number)
    (finding,) = check_bundle(copy).findings
    assert finding.part == "format"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "a/b", "", MANIFEST, "a\nb"])
def test_a_listed_path_is_never_opened(copy: Path, name: str) -> None:
    files = json.loads((copy / MANIFEST).read_text())["files"]
    edit_manifest(copy, files={**files, name: {"sha256": "0" * 64}})
    assert findings(copy) == [(MANIFEST, "lists what is no file of a bundle")]


def test_a_required_file_that_is_not_listed_is_found(copy: Path) -> None:
    files = json.loads((copy / MANIFEST).read_text())["files"]
    del files[METRICS]
    edit_manifest(copy, files=files)
    assert findings(copy) == [
        (METRICS, "is not in the manifest"),  # as one that has to be there
        (METRICS, "is not in the manifest"),  # as one that should not be there
    ]


@pytest.mark.parametrize("name", ["", "x\ny", "\x1b[31m", 7, "n" * 101])
def test_a_name_that_is_none_is_found(copy: Path, name: object) -> None:
    edit_manifest(copy, name=name)
    (finding,) = check_bundle(copy).findings
    assert finding.problem == "name is no name"
    assert str(finding).isprintable()


def test_labels_that_critech_does_not_know_are_found(copy: Path) -> None:
    snapshot = json.loads((copy / LABELS).read_text())
    snapshot["taxonomies"][0]["id"] = "jp-critical-21"
    replace_file(copy, LABELS, json.dumps(snapshot).encode())
    assert [part for part, _ in findings(copy)] == [LABELS]  # another order than the arrays'


@pytest.mark.parametrize("name", FILES)
def test_garbage_behind_a_good_checksum_is_found(copy: Path, name: str) -> None:
    if name in ("MODEL_CARD.md", "encoder.onnx", "tokenizer.json", "student.onnx"):
        pytest.skip("not parsed by this")
    for data in (b"", b"nothing", b"PK\x03\x04" + b"\0" * 99, b"[" * 99_999):
        replace_file(copy, name, data)
        (finding,) = check_bundle(copy).findings
        assert finding.part in ("content", name)
