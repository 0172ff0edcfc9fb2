"""The student: a bag of token vectors and one hidden layer, trained on what the full model says.

A text costs one table look-up per token and two small products, about a hundredth of the encoder.
It sees no word order, so it never answers in the full model's place but where a certificate shows
how seldom that loses anything (``certificate.py``).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.errors import BundleError
from critech.plain_data import read_npz

FloatArray = npt.NDArray[np.float32]
MOST_TOKENS = 4096


@dataclass(frozen=True)
class Student:
    """Arrays of the student. ``table`` int8 [n_tokens, d] with one scale and one weight per token,
    float32 [n_tokens]; ``mean`` and ``spread`` [2 d] of the features; ``hidden`` [2 d, h] with
    ``hidden_bias`` [h]; ``out`` [h, n_taxonomies], ``out_bias`` [n_taxonomies], all float32."""

    table: npt.NDArray[np.int8]
    scale: FloatArray
    weight: FloatArray
    mean: FloatArray
    spread: FloatArray
    hidden: FloatArray
    hidden_bias: FloatArray
    out: FloatArray
    out_bias: FloatArray

    def features(self, token_ids: Sequence[int]) -> FloatArray:
        """Return the mean and the weighted mean of a text's token vectors, float32 [2 d]; zeros
        for no tokens. Of a very long text the first ``MOST_TOKENS`` count."""
        ids = np.asarray(token_ids[:MOST_TOKENS], dtype=np.int64)
        if not len(ids):
            return np.zeros(2 * self.table.shape[1], dtype=np.float32)
        rows = self.table[ids].astype(np.float32)
        plain, weighted = self.scale[ids], self.scale[ids] * self.weight[ids]
        return np.concatenate(
            [
                np.einsum("i,ij->j", plain, rows) / np.float32(len(ids)),
                np.einsum("i,ij->j", weighted, rows) / np.float32(self.weight[ids].sum() + 1e-6),
            ]
        )

    def logits(self, token_ids: Sequence[int]) -> FloatArray:
        """Return, for each taxonomy, how sure it is that the full model finds something, in
        log-odds, float32 [n_taxonomies], the same bits wherever it is computed."""
        features = (self.features(token_ids) - self.mean) / self.spread
        active = np.maximum(np.einsum("i,ij->j", features, self.hidden) + self.hidden_bias, 0)
        found = np.einsum("i,ij->j", active, self.out) + self.out_bias
        return np.asarray(found, dtype=np.float32)

    def check(self, n_tokens: int, n_taxonomies: int) -> None:
        """Raise BundleError when an array has another shape or type than the others call for."""
        d, h = len(self.mean) // 2, len(self.hidden_bias)
        expected: Mapping[str, tuple[int, ...]] = {
            "table": (n_tokens, d),
            "scale": (n_tokens,),
            "weight": (n_tokens,),
            "mean": (2 * d,),
            "spread": (2 * d,),
            "hidden": (2 * d, h),
            "hidden_bias": (h,),
            "out": (h, n_taxonomies),
            "out_bias": (n_taxonomies,),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            kind = np.int8 if name == "table" else np.float32
            if array.shape != shape or array.dtype != kind:
                found = f"{array.dtype} {array.shape}"
                raise BundleError("student", f"{name} is not as it should be", shape, found)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name, as they stand in a bundle."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def to_bytes(self) -> bytes:
        """Return the student as a compressed archive of plain arrays."""
        archive = io.BytesIO()
        np.savez_compressed(archive, **self.arrays())  # type: ignore[arg-type]
        return archive.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Student:
        """Return the student in an archive. Raise BundleError when an array is missing, and what
        ``read_npz`` raises for other content."""
        arrays = read_npz(data)
        for field in fields(cls):
            if field.name not in arrays:
                raise BundleError("student", "lacks an array", field.name, list(arrays))
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})
