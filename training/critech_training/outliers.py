"""Units of a transformer that stand far above the others, and what to divide them by.

In BERT-shaped encoders a few units between the two products of a layer's second half reach, at the
first and the last token, many times what all others reach (Kovaleva et al. 2021, "BERT Busters").
A layer's activations are quantised by their range, so one such unit leaves the others a few of the
256 steps. Divided by a constant before, and weighed by as much more behind, it gives the same sum
(as SmoothQuant does, Xiao et al. 2023, there for all units).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from critech.text import compose_document
from critech_training.corpus import Record
from critech_training.torch_encoder import TorchEncoder

Scales = Sequence[torch.Tensor | None]

ORDINARY = 0.99  # of a layer's units reach no more than what counts as ordinary
FAR = 4.0  # times that is far above
N_TEXTS = 128
MAX_TOKENS = 160


def spread_rows(
    encoder: TorchEncoder, records: Sequence[Record], max_tokens: int = MAX_TOKENS
) -> list[list[int]]:
    """Return the framed token ids of texts that are spread evenly over a corpus."""
    step = max(1, len(records) // N_TEXTS)
    texts = [compose_document(one.title, one.text) for one in records[::step][:N_TEXTS]]
    return [encoder.token_ids(text, max_tokens) for text in texts]


def unit_peaks(body: torch.nn.Module, rows: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Return for each layer of a BERT-shaped body the largest amount that each of its inner units
    has on texts, given by their framed token ids, fp32 [inner]."""
    layers = body.encoder.layer
    peaks = [torch.zeros(layer.intermediate.dense.out_features) for layer in layers]
    handles = [
        layer.intermediate.register_forward_hook(partial(_raise, peak))
        for layer, peak in zip(layers, peaks, strict=True)
    ]
    body.eval()
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([list(row)])
            body(input_ids=ids, attention_mask=torch.ones_like(ids))
    for handle in handles:
        handle.remove()
    return peaks


def _raise(peak: torch.Tensor, _: torch.nn.Module, __: object, units: torch.Tensor) -> None:
    """Raise the peaks of units to what they have in [batch, tokens, inner]."""
    torch.maximum(peak, units.abs().amax((0, 1)), out=peak)


def outlier_scales(peaks: Sequence[torch.Tensor]) -> list[torch.Tensor | None]:
    """Return for each layer what its units are divided by, fp32 [inner], at least 1: what brings
    them down to the ordinary. None where no unit is far above it."""
    scales: list[torch.Tensor | None] = []
    for peak in peaks:
        ordinary = torch.quantile(peak, ORDINARY)
        far = bool(peak.max() > FAR * ordinary > 0)
        scales.append(torch.clamp(peak / ordinary, min=1.0) if far else None)
    return scales
