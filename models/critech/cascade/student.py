"""The student: a bag of token vectors and one hidden layer, trained on what the full model says.

A text costs one table look-up per token and two small products, about a hundredth of the encoder.
It sees no word order, so it never answers in the full model's place but where a certificate shows
how often the two agree (``cutoffs.py``).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.errors import BundleError

FloatArray = npt.NDArray[np.float32]
EPSILON = np.float32(1e-5)


@dataclass(frozen=True)
class Student:
    """Arrays of the student. ``table`` int8 [n_tokens, d] with one scale per token float32
    [n_tokens]; ``gain``, ``shift`` [d] after normalising; ``hidden`` [d, h] with ``hidden_bias``
    [h]; ``out`` [h, n_labels], ``skip`` [d, n_labels], ``out_bias`` [n_labels], all float32."""

    table: npt.NDArray[np.int8]
    scale: FloatArray
    gain: FloatArray
    shift: FloatArray
    hidden: FloatArray
    hidden_bias: FloatArray
    out: FloatArray
    skip: FloatArray
    out_bias: FloatArray

    def logits(self, token_ids: Sequence[int]) -> FloatArray:
        """Return an estimate of the full model's log-odds, float32 [n_labels], the same bits
        wherever it is computed; for no tokens, that of an empty bag."""
        ids = np.asarray(token_ids, dtype=np.int64)
        total = np.einsum("i,ij->j", self.scale[ids], self.table[ids], dtype=np.float32)
        bag = total / np.sqrt(np.float32(max(1, len(ids))))
        centred = bag - bag.mean()
        normal = centred / np.sqrt(np.mean(centred * centred) + EPSILON)
        features = normal * self.gain + self.shift
        active = np.maximum(np.einsum("i,ij->j", features, self.hidden) + self.hidden_bias, 0)
        found = (
            np.einsum("i,ij->j", active, self.out)
            + np.einsum("i,ij->j", features, self.skip)
            + self.out_bias
        )
        return np.asarray(found, dtype=np.float32)

    def check(self, n_tokens: int, n_labels: int) -> None:
        """Raise BundleError when an array has another shape or type than the others call for."""
        d, h = len(self.gain), len(self.hidden_bias)
        expected: Mapping[str, tuple[int, ...]] = {
            "table": (n_tokens, d),
            "scale": (n_tokens,),
            "gain": (d,),
            "shift": (d,),
            "hidden": (d, h),
            "hidden_bias": (h,),
            "out": (h, n_labels),
            "skip": (d, n_labels),
            "out_bias": (n_labels,),
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
        """Return the student in an archive. Raise BundleError when an array is missing."""
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            for field in fields(cls):
                if field.name not in archive:
                    raise BundleError("student", "lacks an array", field.name, archive.files)
            return cls(**{field.name: archive[field.name] for field in fields(cls)})
