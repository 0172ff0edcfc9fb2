"""Text to unit vector with ONNX Runtime, one document (chunk) per call.

Dynamic int8 quantisation scales activations over all that is in a call, so a batch lets
neighbours change a result. One text per call is exact and, on a pool of threads that share one
session, also the fastest arrangement measured (docs/decisions/0002).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace

from critech.errors import BundleError

FloatArray = npt.NDArray[np.float32]
Text = Callable[[], str]
T = TypeVar("T")
R = TypeVar("R")
METASPACE = "\u2581"

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


@dataclass(frozen=True)
class Tokens:
    """What is read of a text: the ids seen, the same cut into chunks, and how many there are in
    all."""

    seen: tuple[int, ...]
    chunks: list[Sequence[int]]
    total: int


class Run(Protocol):
    """Applies a function to items and gives the results in order, as ``map`` does, perhaps on
    several threads. The functions handed to it never call it themselves."""

    def __call__(self, function: Callable[[T], R], items: Iterable[T], /) -> Iterable[R]: ...


class OnnxEncoder:
    """A thread-safe encoder: any number of threads may call ``embed`` on one instance."""

    def __init__(self, model: bytes, tokenizer: bytes, config: EncoderConfig) -> None:
        with faults_named("encoder", "cannot be loaded", "ONNX and tokenizer"):
            self._session = one_thread_session(model)
            self._tokenizer = Tokenizer.from_buffer(tokenizer)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
            _cut_at_blanks(self._tokenizer, tokenizer)
        self.config = config
        # the blank behind the prefix belongs to the first piece of the text
        with faults_named("encoder", "cannot be run", "token ids"):
            self._prefix_ids = self.token_ids(config.prefix.rstrip()) if config.prefix else []
        self._capacity = config.chunk_tokens - len(self._prefix_ids) - 2
        self._try()

    def _try(self) -> None:
        """Raise BundleError where network, tokenizer and configuration do not go together."""
        if self.config.chunk_tokens < len(self._prefix_ids) + 3:
            raise BundleError("encoder", "leaves no room for text", "3 tokens", "fewer")
        with faults_named("encoder", "cannot be run", "a vector"):
            vector = self.embed("a").vector
        if vector.shape != (self.config.dimension,) or not np.isfinite(vector).all():
            expected = f"{self.config.dimension} finite numbers"
            raise BundleError("encoder", "gives another vector", expected, vector.shape)

    def token_ids(self, text: str) -> list[int]:
        """Return the token ids of a text, unframed and uncut."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    @property
    def n_tokens(self) -> int:
        """Number of ids that the tokenizer knows."""
        return int(self._tokenizer.get_vocab_size())

    def seen(self, ids: Sequence[int]) -> Sequence[int]:
        """Return the token ids of a text that reach the encoder."""
        return ids[: self._capacity * self.config.max_chunks]

    def embed(self, text: str) -> Embedding:
        """Return the embedding of a cleaned, non-empty text.

        A text longer than one chunk is cut into chunks of near equal length; their vectors are
        averaged by length and scaled to unit length.
        """
        tokens = self._tokens(text)
        return self._joined(tokens, [self._chunk(chunk) for chunk in tokens.chunks])

    def embed_all(self, texts: Sequence[Text], run: Run = map) -> list[Embedding]:
        """Return the embedding of every text; a text is cleaned when it is asked for.

        What is handed to ``run`` takes one call of the encoder each, however long a text is, so
        that whoever runs several requests can let them take turns."""
        begun = list(run(self._begin, texts))
        long_ones = [one for one in begun if isinstance(one, Tokens)]
        chunks = [chunk for one in long_ones for chunk in one.chunks]
        vectors = iter(list(run(self._chunk, chunks)) if chunks else [])
        return [
            self._joined(one, [next(vectors) for _ in one.chunks])
            if isinstance(one, Tokens)
            else one
            for one in begun
        ]

    def _begin(self, text: Text) -> Embedding | Tokens:
        """Return the embedding of a text of one chunk, the tokens of a longer one."""
        tokens = self._tokens(text())
        if len(tokens.chunks) > 1:
            return tokens
        return self._joined(tokens, [self._chunk(tokens.chunks[0])])

    def _tokens(self, text: str) -> Tokens:
        ids = self.token_ids(text)
        seen = tuple(self.seen(ids))
        return Tokens(seen, split_evenly(seen, self._capacity), len(ids))

    def _chunk(self, ids: Sequence[int]) -> FloatArray:
        return self.run(self.framed(ids))

    def _joined(self, tokens: Tokens, vectors: Sequence[FloatArray]) -> Embedding:
        if len(vectors) == 1:
            return Embedding(vectors[0], tokens.seen, tokens.total)
        total = np.zeros(self.config.dimension, dtype=np.float32)
        for chunk, vector in zip(tokens.chunks, vectors, strict=True):
            total += vector * np.float32(len(chunk))
        mean = total / np.float32(np.sqrt(np.sum(total * total)))
        return Embedding(mean, tokens.seen, tokens.total)

    def framed(self, ids: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return the input of one call: prefix and frame around the ids, int64 [1, n_tokens]."""
        row = [self.config.bos, *self._prefix_ids, *ids, self.config.eos]
        return np.array([row], dtype=np.int64)

    def run(self, input_ids: npt.NDArray[np.int64]) -> FloatArray:
        """Return the unit vector float32 [dimension] of one framed chunk, int64 [1, n_tokens]."""
        vector: FloatArray = self._session.run(["embedding"], {"input_ids": input_ids})[0][0]
        return vector


def _cut_at_blanks(tokenizer: Tokenizer, data: bytes) -> None:
    """Let a unigram tokenizer, read from ``data``, cut a text at its blanks first, and so look up
    the words it has met.

    The ids stay the same where no piece holds a blank behind its first character: the best
    segmentation of a text is then that of its words. The pieces are looked for in the file, since
    asking the tokenizer for all of them takes 20 MB."""
    cut = tokenizer.pre_tokenizer
    if not (isinstance(tokenizer.model, Unigram) and isinstance(cut, Metaspace)):
        return
    blank, escaped = METASPACE.encode(), b"\\u2581"
    n_first = data.count(b'"' + blank) - data.count(b'\\"' + blank)
    if cut.replacement == METASPACE and n_first == data.count(blank) and escaped not in data:
        cut.split = True
        tokenizer.pre_tokenizer = cut


def one_thread_session(model: bytes) -> onnxruntime.InferenceSession:
    """Return a model of ONNX, to be run on the processor by any number of threads, one each."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model,
        options,
        providers=["CPUExecutionProvider"],
        # its operator for sum and norm at once takes several times as long as the two
        disabled_optimizers=["SkipLayerNormFusion"],
    )
    # its wrapper keeps the model's bytes, 49 MB by default, for a fallback to other providers
    session.disable_fallback()
    session._model_bytes = None
    return session


@contextmanager
def faults_named(part: str, problem: str, expected: str) -> Iterator[None]:
    """Make whatever the libraries raise a BundleError: onnxruntime raises bare subclasses of
    Exception, and a panic of the tokenizer is a BaseException."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise BundleError(part, problem, expected, type(error).__name__) from None


def split_evenly(ids: Sequence[int], capacity: int) -> list[Sequence[int]]:
    """Return the ids cut into the fewest chunks of at most ``capacity``, sizes differing by at
    most one; one empty chunk for no ids."""
    n_chunks = max(1, -(-len(ids) // capacity))
    edges = [len(ids) * i // n_chunks for i in range(n_chunks + 1)]
    return [ids[start:end] for start, end in itertools.pairwise(edges)]
