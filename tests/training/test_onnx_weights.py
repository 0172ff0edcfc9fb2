"""Weights that come back out of an exported network."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from critech.bundle import STUDENT, read_bundle
from critech.cli import main
from critech.errors import InputError
from critech_training.export import export_onnx
from critech_training.onnx_weights import restore_exported
from critech_training.torch_encoder import embed, load_base

TEXTS = ["A battery", "固体電池の装置", "x " * 40]
ENCODER = "encoder.onnx"


def matrices(data: bytes) -> list[np.ndarray]:
    """Return the int8 matrices of a network, in the order of its tensors."""
    return [
        numpy_helper.to_array(one)
        for one in onnx.load_from_string(data).graph.initializer
        if one.name.endswith("_quantized")
    ]


@pytest.mark.parametrize("far", [False, True])
def test_weights_come_back_as_their_eight_bits_say(tiny_base: Path, far: bool) -> None:
    first, again = load_base(str(tiny_base)), load_base(str(tiny_base))
    torch.manual_seed(0)
    for encoder in (first, again):
        layer = encoder.model.encoder.layer[1]
        layer.intermediate.dense = torch.nn.Linear(32, 256)
        layer.output.dense = torch.nn.Linear(256, 32)
    with torch.no_grad():
        for parameter in first.model.encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        if far:
            last = first.model.encoder.layer[1]
            last.intermediate.dense.bias[3] = 40.0
            last.output.dense.weight[:, 3] /= 20.0
    rows = [first.token_ids(text, 64) for text in TEXTS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = export_onnx(first, rows)
        restore_exported(again.model, data)
        second = export_onnx(again, rows)
    assert (b"shrink" in data) is far
    own = again.model.state_dict()
    for name, value in first.model.state_dict().items():
        tolerance = (
            0.0 if value.dim() < 2 or "embeddings" in name else float(value.abs().max()) / 60
        )
        assert float((own[name] - value).abs().max()) <= tolerance, name
    assert (embed(again, TEXTS) * embed(first, TEXTS)).sum(1).min() > 0.95
    if not far:
        for one, other in zip(matrices(data), matrices(second), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_network_of_another_shape_is_refused(tiny_base: Path, student_bundle: Path) -> None:
    body = load_base(str(tiny_base)).model
    with pytest.raises(ValueError, match="has 5 products"):
        restore_exported(body, (student_bundle / STUDENT).read_bytes())
    data = (student_bundle / ENCODER).read_bytes()
    body.encoder.layer[1].intermediate.dense = torch.nn.Linear(32, 48)
    with pytest.raises(ValueError, match=r"another shape: encoder\.layer\.1\.intermediate"):
        restore_exported(body, data)


def test_a_bundle_is_made_from_the_encoder_of_another(
    train_tiny: Callable[..., None], tiny_bundle: Path, tmp_path: Path
) -> None:
    train_tiny(tmp_path / "again", tiny_bundle)
    before, after = read_bundle(tiny_bundle), read_bundle(tmp_path / "again")
    told = after.manifest["training"]["encoder"]
    assert told.pop("taken_from") == {"version": before.version, "digest": before.digest}
    assert told == before.manifest["training"]["encoder"]
    pair = zip(matrices(before.encoder_bytes), matrices(after.encoder_bytes), strict=True)
    for one, other in pair:
        np.testing.assert_array_equal(one, other)


def test_the_encoder_of_another_base_is_refused(
    train_tiny: Callable[..., None], tmp_path: Path
) -> None:
    from critech.bundle import default_path

    with pytest.raises(InputError, match="--encoder: the bundle's encoder has another base"):
        train_tiny(tmp_path / "out", default_path())
    assert not (tmp_path / "out").exists()


def test_a_student_is_taken_from_another_bundle(
    tiny_bundle: Path,
    student_bundle: Path,
    distil_tiny: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    made = distil_tiny(bundle, taken=student_bundle)
    source = read_bundle(student_bundle)
    before = source.manifest["training"]["student"]
    told = read_bundle(bundle).manifest["training"]["student"]
    assert told["taken_from"] == {"version": source.version, "digest": source.digest}
    for name in ("config", "bfloat16", "n_texts", "n_pieces", "n_held_out"):
        assert told[name] == before[name], name
    assert made["distance"] == pytest.approx(before["distance"], abs=1e-3)
    pair = [matrices((one / STUDENT).read_bytes()) for one in (student_bundle, bundle)]
    for one, other in zip(*pair, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(InputError, match=r"--student: .* has no student"):
        distil_tiny(bundle, taken=tiny_bundle)


def test_options_of_teaching_do_not_go_with_a_student(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["distil", "--student", "x", "--epochs", "3"])
    assert "--epochs and --cache do not go with --student" in capsys.readouterr().err
