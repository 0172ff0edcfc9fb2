"""Training examples that travel in a bundle: what a passage resembles."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.heads import FloatArray
from critech.plain_data import read_json, read_npz

EXCERPT_CHARACTERS = 120
_SCALE = 127.0


@dataclass(frozen=True)
class Example:
    """A text of the training corpus: its id, language and beginning."""

    id: str
    language: str
    excerpt: str


@dataclass(frozen=True)
class ExampleIndex:
    """Training texts with their centred unit vectors int8 [n_examples, dimension]; ``members``
    are, for each label position, the rows of its clear positives."""

    examples: tuple[Example, ...]
    vectors: npt.NDArray[np.int8]
    members: tuple[npt.NDArray[np.int32], ...]

    def nearest(self, vector: FloatArray, position: int, count: int) -> list[tuple[Example, float]]:
        """Return the positives of a label that are nearest to a centred unit vector, with their
        cosine, nearest first; ties in row order."""
        rows = self.members[position]
        if not len(rows):
            return []
        cosines = np.einsum("ij,j->i", self.vectors[rows].astype(np.float32), vector) / _SCALE
        order = np.argsort(-cosines, kind="stable")[:count]
        return [(self.examples[rows[i]], float(cosines[i])) for i in order.tolist()]

    def to_bytes(self) -> bytes:
        """Return the index as one compressed archive of plain arrays."""
        texts = [[e.id, e.language, e.excerpt] for e in self.examples]
        lengths = np.array([len(rows) for rows in self.members], dtype=np.int32)
        out = io.BytesIO()
        np.savez_compressed(
            out,
            vectors=self.vectors,
            texts=np.frombuffer(json.dumps(texts, ensure_ascii=False).encode(), dtype=np.uint8),
            lengths=lengths,
            rows=np.concatenate([*self.members, np.empty(0, np.int32)]).astype(np.int32),
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> ExampleIndex:
        """Return the index that ``to_bytes`` gave. Raise ValueError or KeyError, or what the
        libraries raise, for other data."""
        arrays = read_npz(data)
        texts, vectors = read_json(arrays["texts"].tobytes()), arrays["vectors"]
        lengths, rows = arrays["lengths"], arrays["rows"]
        types = [array.dtype.name for array in (vectors, lengths, rows)]
        if types != ["int8", "int32", "int32"]:
            raise ValueError("arrays have other types")
        if (vectors.ndim, len(vectors), lengths.ndim, rows.ndim) != (2, len(texts), 1, 1):
            raise ValueError("examples and vectors differ in number or shape")
        if (lengths < 0).any() or lengths.sum(dtype=np.int64) != len(rows):
            raise ValueError("rows and lengths differ")
        if ((rows < 0) | (rows >= len(texts))).any():
            raise ValueError("a row is that of no example")
        if not all(isinstance(part, str) for text in texts for part in text):
            raise ValueError("an example is no text")
        edges = np.concatenate([[0], np.cumsum(lengths)])
        members = tuple(rows[edges[i] : edges[i + 1]] for i in range(len(edges) - 1))
        return cls(tuple(Example(*text) for text in texts), vectors, members)


def build_examples(
    examples: Sequence[Example],
    vectors: FloatArray,
    center: FloatArray,
    positive: npt.NDArray[np.bool_],
) -> ExampleIndex:
    """Return the index of texts with unit vectors float32 [n_examples, dimension] and clear
    positives bool [n_examples, n_labels]; texts without any are left out."""
    kept = np.flatnonzero(positive.any(axis=1))
    centred = centre(vectors[kept], center)
    return ExampleIndex(
        tuple(examples[i] for i in kept.tolist()),
        np.rint(centred * _SCALE).astype(np.int8),
        tuple(np.flatnonzero(column).astype(np.int32) for column in positive[kept].T),
    )


def centre(vectors: FloatArray, center: FloatArray) -> FloatArray:
    """Return unit vectors of float32 [..., dimension] seen from ``center`` [dimension]."""
    moved = vectors - center
    norms = np.sqrt(np.sum(moved * moved, axis=-1, keepdims=True))
    return np.asarray(moved / np.maximum(norms, np.float32(1e-9)), dtype=np.float32)
