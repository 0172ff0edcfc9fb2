"""Writing a bundle anew: only what was checked is written, and what was there is not lost."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from bundle_edits import edit_manifest
from critech.bundle import (
    MANIFEST,
    OPTIONAL,
    REQUIRED,
    default_path,
    read_bundle,
    write_screening,
)
from critech.bundle.pointer import POINTER
from critech.errors import BundleError
from critech.screening.model import ScreeningModel


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_path(), tmp_path / "above" / "copy"))


@pytest.fixture(scope="module")
def screening() -> ScreeningModel:
    found = read_bundle().screening
    assert found is not None
    return dataclasses.replace(found, cutoff_rule="another rule")


def test_a_path_out_of_the_folder_is_neither_read_nor_written(
    copy: Path, screening: ScreeningModel
) -> None:
    outside = copy.parent / "x"
    outside.write_text("kept")
    files = json.loads((copy / MANIFEST).read_text())["files"]
    edit_manifest(copy, files={**files, "../x": {"sha256": "0" * 64}})
    with pytest.raises(BundleError, match="no file of a bundle"):
        write_screening(copy, screening)
    assert outside.read_text() == "kept"


def test_a_listed_file_that_is_missing_is_named(copy: Path, screening: ScreeningModel) -> None:
    files = json.loads((copy / MANIFEST).read_text())["files"]
    edit_manifest(copy, files={**files, "more.txt": {"sha256": "0" * 64}})
    with pytest.raises(BundleError, match=r"more\.txt: is missing"):
        write_screening(copy, screening)


def test_the_current_bundle_of_a_directory_is_written(
    copy: Path, screening: ScreeningModel
) -> None:
    (copy.parent / POINTER).write_text("copy\n")
    write_screening(copy.parent, screening)
    assert read_bundle(copy).screening == screening


def test_an_interrupted_writing_leaves_the_old_bundle(
    copy: Path, screening: ScreeningModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_bundle(copy).digest
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_screening(copy, screening)
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]
    assert read_bundle(copy).digest == before


def test_what_is_written_is_on_the_disk_before_the_old_one_goes(
    copy: Path, screening: ScreeningModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", sync)
    write_screening(copy, screening)
    assert {path.name for path in synced} >= {*REQUIRED, *OPTIONAL, MANIFEST, "new", "above"}
