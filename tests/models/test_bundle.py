import dataclasses
import hashlib
import io
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from critech import Classifier
from critech.bundle import (
    ARRAYS,
    ENCODER,
    EXAMPLES,
    FORMAT,
    MANIFEST,
    OPTIONAL,
    REQUIRED,
    SCREENING,
    TOKENIZER,
    default_path,
    manifest_digest,
    read_bundle,
    write_screening,
)
from critech.errors import BundleError


@pytest.fixture
def copy(student_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(student_bundle, tmp_path / "copy"))


def edit_manifest(bundle: Path, **changes: object) -> None:
    """Change the manifest together with its digest, as someone who can write the folder could."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest.update(changes)
    manifest["digest"] = manifest_digest(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def test_the_default_bundle_keeps_to_75_megabytes() -> None:
    assert sum(path.stat().st_size for path in default_path().iterdir()) <= 75_000_000


def test_round_trip(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    assert bundle.name == "tiny"
    assert (
        len(bundle.labels) == 155 == len(bundle.heads.dense) == bundle.thresholds.possible.shape[1]
    )
    assert [taxonomy.id for taxonomy in bundle.taxonomies] == [
        "jp-critical-20", "jp-kprogram-50", "jp-secret-patent-25", "us-ecra-14",
    ]  # fmt: skip
    assert bundle.digest == manifest_digest(json.loads((tiny_bundle / MANIFEST).read_text()))


@pytest.mark.parametrize("name", REQUIRED + OPTIONAL)
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


def test_a_changed_value_in_the_manifest_is_refused(copy: Path) -> None:
    text = (copy / MANIFEST).read_text()
    (copy / MANIFEST).write_text(text.replace('"scale": 8.0', '"scale": 1.0'))
    with pytest.raises(BundleError, match=r"manifest\.json: has another digest"):
        read_bundle(copy)


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
    with pytest.raises(BundleError, match=r"dense has another shape \(expected \(155, 32\)"):
        read_bundle(copy)


def test_pickled_arrays_are_never_loaded(copy: Path) -> None:
    arrays = dict(np.load(copy / ARRAYS))
    arrays["center"] = np.array([{"a": 1}], dtype=object)
    rewrite(copy, ARRAYS, arrays)
    with pytest.raises(BundleError, match=r"content: cannot be read .*allow_pickle=False"):
        read_bundle(copy)


@pytest.mark.parametrize(
    "changes", [{"files": []}, {"labels": 7}, {"encoder": {"odd": 1}}, {"heads": {}}]
)
def test_nonsense_in_the_manifest_is_a_bundle_error(copy: Path, changes: dict[str, object]) -> None:
    edit_manifest(copy, **changes)
    with pytest.raises(BundleError):
        read_bundle(copy)


@pytest.mark.parametrize("name", [ENCODER, TOKENIZER])
def test_a_file_that_no_library_can_read_is_a_bundle_error(copy: Path, name: str) -> None:
    replace_file(copy, name, b"nothing")
    with pytest.raises(BundleError, match="encoder: cannot be loaded"):
        Classifier.load(copy)


def rewrite(bundle: Path, name: str, arrays: dict[str, np.ndarray]) -> None:
    """Replace a file of arrays together with its checksum."""
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    replace_file(bundle, name, out.getvalue())


def replace_file(bundle: Path, name: str, data: bytes) -> None:
    """Replace a file together with its checksum."""
    (bundle / name).write_bytes(data)
    files = json.loads((bundle / MANIFEST).read_text())["files"]
    files[name]["sha256"] = hashlib.sha256(data).hexdigest()
    edit_manifest(bundle, files=files)


def test_a_bundle_of_format_1_has_no_out_of_distribution_signal(copy: Path) -> None:
    with np.load(copy / "arrays.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != "coverage_floor"}
    rewrite(copy, "arrays.npz", arrays)
    with pytest.raises(BundleError, match="lacks an array"):
        read_bundle(copy)
    edit_manifest(copy, format=1)
    assert read_bundle(copy).coverage_floor.tolist() == [0.0, 0.0]


def test_before_format_3_no_label_was_possible_beside_another(copy: Path) -> None:
    assert read_bundle(copy).thresholds.companions
    with np.load(copy / "arrays.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != "companion_share"}
    edit_manifest(copy, format=2)
    assert read_bundle(copy).thresholds.companions == ()  # though the array is there
    rewrite(copy, "arrays.npz", arrays)
    assert read_bundle(copy).thresholds.companions == ()
    edit_manifest(copy, format=3)
    with pytest.raises(BundleError, match="lacks an array"):
        read_bundle(copy)


@pytest.mark.parametrize("value", [0.5, 0.0, -1.0, 1.5])
def test_a_share_of_one_label_alone_is_refused(value: float, copy: Path) -> None:
    with np.load(copy / "arrays.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    several = max((one.columns for one in read_bundle(copy).thresholds.companions), key=len)
    assert len(several) > 1
    arrays["companion_share"][0, several[0]] = value
    rewrite(copy, "arrays.npz", arrays)
    with pytest.raises(BundleError, match="companion_share differs"):
        read_bundle(copy)


def test_a_bundle_without_examples_and_screening_is_read(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    kept = {name: entry for name, entry in manifest["files"].items() if name in REQUIRED}
    edit_manifest(copy, files=kept)
    bundle = read_bundle(copy)
    assert (bundle.examples, bundle.screening) == (None, None)


def test_examples_of_another_label_order_are_refused(copy: Path) -> None:
    index = read_bundle(copy).examples
    assert index is not None
    data = dataclasses.replace(index, members=index.members[:-1]).to_bytes()
    (copy / EXAMPLES).write_bytes(data)
    files = json.loads((copy / MANIFEST).read_text())["files"]
    edit_manifest(copy, files={**files, EXAMPLES: {"sha256": hashlib.sha256(data).hexdigest()}})
    with pytest.raises(BundleError, match="another number of labels"):
        read_bundle(copy)


def test_writing_a_screening_model_changes_nothing_else(copy: Path) -> None:
    before = read_bundle(copy)
    assert before.screening is not None
    others = {path.name: path.read_bytes() for path in copy.iterdir()}
    write_screening(copy, dataclasses.replace(before.screening, cutoff_rule="another rule"))
    after = read_bundle(copy)
    assert after.screening == dataclasses.replace(before.screening, cutoff_rule="another rule")
    assert after.digest != before.digest
    assert after.model_digest == before.model_digest
    changed = {path.name for path in copy.iterdir() if path.read_bytes() != others[path.name]}
    assert changed == {SCREENING, MANIFEST}


def test_an_error_of_a_bundle_is_the_same_in_another_process() -> None:
    error = BundleError("student.onnx", "cannot be run", ("a", "student"), None)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.part, again.problem) == (str(error), error.part, error.problem)
