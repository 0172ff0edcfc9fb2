"""Text to unit vector with ONNX Runtime, one document (chunk) per call.

Dynamic int8 quantisation scales activations over all that is in a call, so a batch lets
neighbours change a result. One text per call is exact and, on a pool of threads that share one
session, also the fastest arrangement measured (docs/decisions/0002).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from critech.errors import BundleError

FloatArray = npt.NDArray[np.float32]

onnxruntime.disable_telemetry_events()  # for a program that had loaded it before critech


@dataclass(frozen=True)
class EncoderConfig:
    """How a text becomes chunks. Lengths are in tokens; ``max_chunks`` bounds the work spent on
    one document, and what lies beyond is reported as not seen."""

    prefix: str
    bos: int
    eos: int
    chunk_tokens: int
    max_chunks: int
    dimension: int

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form, as it stands in a manifest."""
        return dict(vars(self))


@dataclass(frozen=True)
class Embedding:
    """A unit vector float32 [dimension], the token ids it was made from (without the prefix and
    frame), and how many tokens the text has in all."""

    vector: FloatArray
    token_ids: tuple[int, ...]
    tokens_total: int

    @property
    def tokens_seen(self) -> int:
        """Number of the text's tokens that reached the encoder."""
        return len(self.token_ids)


class OnnxEncoder:
    """A thread-safe encoder: any number of threads may call ``embed`` on one instance."""

    def __init__(self, model: bytes, tokenizer: bytes, config: EncoderConfig) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = Tokenizer.from_buffer(tokenizer)
        except Exception as error:  # both libraries raise bare Exception subclasses
            found = type(error).__name__
            raise BundleError("encoder", "cannot be loaded", "ONNX and tokenizer", found) from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.config = config
        # the blank behind the prefix belongs to the first piece of the text
        self._prefix_ids = self.token_ids(config.prefix.rstrip()) if config.prefix else []
        self._try()

    def _try(self) -> None:
        """Raise BundleError where network, tokenizer and configuration do not go together."""
        if self.config.chunk_tokens < len(self._prefix_ids) + 3:
            raise BundleError("encoder", "leaves no room for text", "3 tokens", "fewer")
        try:
            vector = self.embed("a").vector
        except Exception as error:  # onnxruntime raises bare Exception subclasses
            found = type(error).__name__
            raise BundleError("encoder", "cannot be run", "a vector", found) from None
        if vector.shape != (self.config.dimension,) or not np.isfinite(vector).all():
            expected = f"{self.config.dimension} finite numbers"
            raise BundleError("encoder", "gives another vector", expected, vector.shape)

    def token_ids(self, text: str) -> list[int]:
        """Return the token ids of a text, unframed and uncut."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def embed(self, text: str) -> Embedding:
        """Return the embedding of a cleaned, non-empty text.

        A text longer than one chunk is cut into chunks of near equal length; their vectors are
        averaged by length and scaled to unit length.
        """
        ids = self.token_ids(text)
        capacity = self.config.chunk_tokens - len(self._prefix_ids) - 2
        seen = ids[: capacity * self.config.max_chunks]
        chunks = split_evenly(seen, capacity)
        if len(chunks) == 1:
            vector = self.run(self.framed(chunks[0]))
        else:
            total = np.zeros(self.config.dimension, dtype=np.float32)
            for chunk in chunks:
                total += self.run(self.framed(chunk)) * np.float32(len(chunk))
            vector = total / np.float32(np.sqrt(np.sum(total * total)))
        return Embedding(vector, tuple(seen), len(ids))

    def framed(self, ids: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return the input of one call: prefix and frame around the ids, int64 [1, n_tokens]."""
        row = [self.config.bos, *self._prefix_ids, *ids, self.config.eos]
        return np.array([row], dtype=np.int64)

    def run(self, input_ids: npt.NDArray[np.int64]) -> FloatArray:
        """Return the unit vector float32 [dimension] of one framed chunk, int64 [1, n_tokens]."""
        vector: FloatArray = self._session.run(["embedding"], {"input_ids": input_ids})[0][0]
        return vector


def split_evenly(ids: Sequence[int], capacity: int) -> list[Sequence[int]]:
    """Return the ids cut into the fewest chunks of at most ``capacity``, sizes differing by at
    most one; one empty chunk for no ids."""
    n_chunks = max(1, -(-len(ids) // capacity))
    edges = [len(ids) * i // n_chunks for i in range(n_chunks + 1)]
    return [ids[start:end] for start, end in itertools.pairwise(edges)]
