import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from critech.bundle import ARRAYS, FORMAT, MANIFEST, REQUIRED, read_bundle
from critech.errors import BundleError


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def edit_manifest(bundle: Path, **changes: object) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest.update(changes)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def test_round_trip(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    assert bundle.name == "tiny"
    assert (
        len(bundle.labels) == 155 == len(bundle.heads.dense) == bundle.thresholds.possible.shape[1]
    )
    assert [taxonomy.id for taxonomy in bundle.taxonomies] == [
        "jp-critical-20", "jp-kprogram-50", "jp-secret-patent-25", "us-ecra-14",
    ]  # fmt: skip
    manifest = (tiny_bundle / MANIFEST).read_bytes()
    assert bundle.digest == "sha256:" + hashlib.sha256(manifest).hexdigest()


@pytest.mark.parametrize("name", REQUIRED)
def test_one_changed_byte_is_refused(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    expected = hashlib.sha256(data).hexdigest()
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match="has another SHA-256") as caught:
        read_bundle(copy)
    assert caught.value.part == name
    assert caught.value.expected == expected
    assert caught.value.found == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: is missing") as caught:
        read_bundle(copy)
    assert caught.value.found == "no file"


def test_a_missing_folder_or_manifest_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json: cannot be read"):
        read_bundle(tmp_path / "nowhere")
    (copy / MANIFEST).write_text("not json")
    with pytest.raises(BundleError, match=r"manifest\.json: is not a manifest"):
        read_bundle(copy)


def test_a_newer_format_is_refused(copy: Path) -> None:
    edit_manifest(copy, format=FORMAT + 1)
    with pytest.raises(BundleError, match=f"expected 1 to {FORMAT}, found {FORMAT + 1}"):
        read_bundle(copy)


def test_another_label_order_in_the_manifest_is_refused(copy: Path) -> None:
    labels = json.loads((copy / MANIFEST).read_text())["labels"]
    labels[3], labels[4] = labels[4], labels[3]
    edit_manifest(copy, labels=labels)
    with pytest.raises(BundleError, match="has another label at position 3") as caught:
        read_bundle(copy)
    assert (caught.value.expected, caught.value.found) == ("jp-critical-20:05", "jp-critical-20:04")


def test_another_label_order_in_the_arrays_is_refused(copy: Path) -> None:
    arrays = dict(np.load(copy / ARRAYS))
    arrays["labels"] = arrays["labels"][::-1]
    rewrite(copy, ARRAYS, arrays)
    with pytest.raises(BundleError, match=r"arrays\.npz: has another label at position 0"):
        read_bundle(copy)


def test_too_few_rows_are_refused(copy: Path) -> None:
    arrays = dict(np.load(copy / ARRAYS))
    arrays["dense"] = arrays["dense"][:-1]
    rewrite(copy, ARRAYS, arrays)
    with pytest.raises(BundleError, match=r"dense has another size \(expected 155, found 154\)"):
        read_bundle(copy)


def test_pickled_arrays_are_never_loaded(copy: Path) -> None:
    arrays = dict(np.load(copy / ARRAYS))
    arrays["center"] = np.array([{"a": 1}], dtype=object)
    rewrite(copy, ARRAYS, arrays)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_bundle(copy)


def rewrite(bundle: Path, name: str, arrays: dict[str, np.ndarray]) -> None:
    """Replace a file together with its checksum, as someone who can write the folder could."""
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    (bundle / name).write_bytes(out.getvalue())
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest["files"][name]["sha256"] = hashlib.sha256(out.getvalue()).hexdigest()
    edit_manifest(bundle, files=manifest["files"])
