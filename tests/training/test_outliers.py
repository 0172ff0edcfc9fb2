"""Units far above the others: found, scaled down, and no longer in the way of the others."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from critech.encoder import EncoderConfig, OnnxEncoder
from critech_training.export import export_onnx
from critech_training.outliers import outlier_scales, unit_peaks
from critech_training.torch_encoder import TorchEncoder, embed, load_base

TEXTS = ["A battery", "固体電池の装置", "x " * 40]
FAR_UNIT = 7


@pytest.fixture
def with_outlier(tiny_base: Path) -> TorchEncoder:
    """An encoder of which one unit reaches 400 at every token, and weighs as much less."""
    encoder = load_base(str(tiny_base))
    layer = encoder.model.encoder.layer[0]
    torch.manual_seed(0)
    layer.intermediate.dense = torch.nn.Linear(32, 256)
    layer.output.dense = torch.nn.Linear(256, 32)
    with torch.no_grad():
        layer.intermediate.dense.bias[FAR_UNIT] = 400.0
        layer.output.dense.weight[:, FAR_UNIT] /= 100.0
    return encoder


def served(encoder: TorchEncoder, rows: list[list[int]]) -> np.ndarray:
    """Return what the exported int8 network gives for the texts."""
    special = encoder.special
    config = EncoderConfig(encoder.prefix, special["bos"], special["eos"], 512, 4, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = export_onnx(encoder, rows)
    exported = OnnxEncoder(model, encoder.tokenizer.to_str().encode(), config)
    return np.stack([exported.embed(text).vector for text in TEXTS])


def test_peaks_are_the_largest_amounts_and_change_nothing(with_outlier: TorchEncoder) -> None:
    rows = [with_outlier.token_ids(text, 64) for text in TEXTS]
    before = embed(with_outlier, TEXTS, batch_size=1)
    peaks = unit_peaks(with_outlier.model, rows)
    assert [peak.shape for peak in peaks] == [(256,), (64,)]
    seen: list[torch.Tensor] = []
    handle = with_outlier.model.encoder.layer[0].intermediate.register_forward_hook(
        lambda _, __, out: seen.append(out.abs().amax((0, 1)))
    )
    np.testing.assert_array_equal(embed(with_outlier, TEXTS, batch_size=1), before)
    handle.remove()
    torch.testing.assert_close(peaks[0], torch.stack(seen).amax(0))
    assert int(peaks[0].argmax()) == FAR_UNIT
    assert unit_peaks(with_outlier.model, [])[0].max() == 0


def test_only_units_far_above_the_others_are_scaled() -> None:
    ordinary = torch.linspace(1, 2, 400)
    far = ordinary.clone()
    far[FAR_UNIT] = 30.0
    level, scales = outlier_scales([ordinary, far])
    assert level is None and scales is not None
    assert int((scales > 1.1).sum()) == 1 and scales.min() == 1
    assert float((far / scales).max()) == pytest.approx(float(torch.quantile(far, 0.99)))
    assert outlier_scales([torch.zeros(8)]) == [None]


def test_an_outlier_leaves_the_other_units_their_steps(with_outlier: TorchEncoder) -> None:
    expected = embed(with_outlier, TEXTS)
    rows = [with_outlier.token_ids(text, 64) for text in TEXTS]
    blunt, fine = (
        float((1 - (served(with_outlier, part) * expected).sum(1)).mean()) for part in ([], rows)
    )
    assert blunt > 4 * fine
