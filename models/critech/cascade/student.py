"""The second tier: a small encoder that estimates the vector which the bundle's own would give.

Two layers instead of twelve, taught on what the full encoder says (docs/decisions/0027). It reads
the encoder's token embeddings out of the encoder's file, so that a bundle holds them once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.bundle import Bundle
from critech.bundle.manifest import ENCODER, STUDENT
from critech.bundle.reading import read_file
from critech.encoder import OnnxEncoder, faults_named, one_thread_session
from critech.errors import BundleError
from critech.heads import FloatArray
from critech.plain_data import read_json

METADATA = "critech"
MAX_TOKENS = 512
_LOW = np.uint8(0x0F)
_SIGN = np.int8(8)


@dataclass(frozen=True)
class TokenTable:
    """Token embeddings as the encoder's file holds them: ``values`` uint8 [n_tokens, hidden / 2],
    two 4-bit numbers in a byte, the lower one first, with ``scales`` float32
    [n_tokens, hidden / block]; or float16 [n_tokens, hidden] without scales."""

    values: npt.NDArray[Any]
    scales: FloatArray | None

    @property
    def hidden(self) -> int:
        """Length of an embedding."""
        return int(self.values.shape[1]) * (1 if self.scales is None else 2)

    def rows(self, ids: npt.NDArray[np.int64]) -> FloatArray:
        """Return the embeddings of token ids, float32 [n_ids, hidden]."""
        found = self.values[ids]
        if self.scales is None:
            return np.asarray(found, dtype=np.float32)
        pairs = np.stack([found & _LOW, found >> np.uint8(4)], axis=-1).astype(np.int8)
        signed = (pairs ^ _SIGN) - _SIGN
        scales = self.scales[ids]
        blocks = signed.reshape(*scales.shape, -1).astype(np.float32)
        return np.asarray(blocks * scales[..., None]).reshape(len(ids), -1)


class Student:
    """Estimates vectors with the student of a bundle. Threads may share an instance.

    ``slack`` float32 [n_taxonomies]: what is added to a text's excess by its words before it is
    held against that by the student, so that words are asked first and spoil little."""

    def __init__(self, bundle: Bundle, encoder: OnnxEncoder) -> None:
        """Read the student of a bundle. Raise BundleError when a file is not what the manifest
        lists, or when student and encoder do not go together."""
        data, whole = read_file(bundle, STUDENT), read_file(bundle, ENCODER)
        self._encoder = encoder
        with faults_named(STUDENT, "cannot be run", "a student of the encoder"):
            self._session = one_thread_session(data)
            told = read_json(self._session.get_modelmeta().custom_metadata_map[METADATA].encode())
            self._table = _table(told["table"], whole, encoder)
            self._room = min(int(told["max_tokens"]), MAX_TOKENS) - encoder.framed(()).shape[1]
            self.slack = np.array(
                [float(told["slack"][one.id]) for one in bundle.taxonomies], dtype=np.float32
            )
            if self._room <= 0:
                raise ValueError("max_tokens")
            vector = self.vector((0,) * self._room)
        dimension = encoder.config.dimension
        if vector.shape != (dimension,) or not np.isfinite([*vector, *self.slack]).all():
            expected = f"{dimension} finite numbers"
            raise BundleError(STUDENT, "gives another vector", expected, vector.shape)

    def vector(self, token_ids: Sequence[int]) -> FloatArray:
        """Return the estimate of a text's unit vector, float32 [dimension], from its first
        tokens."""
        ids = self._encoder.framed(token_ids[: self._room])[0]
        words = self._table.rows(ids)[None]
        found: FloatArray = self._session.run(["embedding"], {"words": words})[0][0]
        return found


def _table(told: Mapping[str, Any], whole: bytes, encoder: OnnxEncoder) -> TokenTable:
    """Return the token embeddings in an encoder's file. Raise ValueError, KeyError or TypeError
    where there are none such, or none for each of the encoder's tokens."""
    n_tokens, hidden, block = (int(told[name]) for name in ("n_tokens", "hidden", "block"))
    if n_tokens < encoder.n_tokens or hidden != encoder.config.dimension:
        raise ValueError("table")
    if block == 0:
        values = np.frombuffer(whole, np.float16, n_tokens * hidden, int(told["values"]))
        return TokenTable(values.reshape(n_tokens, hidden).copy(), None)
    values = np.frombuffer(whole, np.uint8, n_tokens * hidden // 2, int(told["values"]))
    scales = np.frombuffer(whole, np.float32, n_tokens * hidden // block, int(told["scales"]))
    return TokenTable(
        values.reshape(n_tokens, hidden // 2).copy(), scales.reshape(n_tokens, -1).copy()
    )
