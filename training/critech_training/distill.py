"""Teach a bundle's student (``critech.cascade``) what the bundle itself says of the corpus.

The token table is the encoder's own, turned to its main directions and kept in int8; only the
hidden layer is trained, on whether the full model finds something of each taxonomy. The labels it
finds are a second aim, dropped afterwards: they make the hidden layer better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from critech.cascade.student import MOST_TOKENS, Student

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DistillConfig:
    """Hyper-parameters; ``dimension`` is that of the token table, per token."""

    dimension: int = 80
    hidden: int = 512
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    input_dropout: float = 0.2
    hidden_dropout: float = 0.4
    label_weight: float = 5.0
    most_positive_weight: float = 5.0
    seed: int = 20260


def teach(
    table: FloatArray,
    texts: Sequence[Sequence[int]],
    has_any: BoolArray,
    has_label: BoolArray,
    *,
    public: Sequence[Sequence[int]],
    config: DistillConfig,
) -> Student:
    """Return a student of token ids of texts, of whether the full model finds something of each
    taxonomy [n_texts, n_taxonomies] and of each label [n_texts, n_labels]. How rare a token is
    comes from ``public`` texts alone, so that no count tells which words another text has. The
    same bits for one seed and machine."""
    rows, scale = _int8(_main_directions(table, config.dimension))
    nothing = np.zeros((0, 0), dtype=np.float32)
    blank = Student(
        rows, scale, _rareness(public, len(table)), nothing, nothing, nothing, nothing, nothing,
        nothing,
    )  # fmt: skip
    features = np.stack([blank.features(ids) for ids in texts])
    mean, spread = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
    layers = _trained((features - mean) / spread, has_any, has_label, config)
    return Student(rows, scale, blank.weight, mean, spread, *layers)


def _main_directions(table: FloatArray, dimension: int) -> FloatArray:
    """Return a table turned to its first principal directions, float32 [n_tokens, dimension]."""
    centred = table - table.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    kept = directions[:, ::-1][:, :dimension]
    kept = kept * np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    return np.asarray(centred @ kept, dtype=np.float32)


def _int8(table: FloatArray) -> tuple[npt.NDArray[np.int8], FloatArray]:
    scale = np.maximum(np.abs(table).max(axis=1), 1e-6) / 127
    return np.rint(table / scale[:, None]).astype(np.int8), scale.astype(np.float32)


def _rareness(texts: Sequence[Sequence[int]], n_tokens: int) -> FloatArray:
    """Return how rare each token is among the texts, as inverse document frequency."""
    seen = np.zeros(n_tokens, dtype=np.int64)
    for ids in texts:
        seen[np.unique(np.asarray(ids[:MOST_TOKENS], dtype=np.int64))] += 1
    return np.log((len(texts) + 1) / (seen + 1)).astype(np.float32)


def _trained(
    features: FloatArray, has_any: BoolArray, has_label: BoolArray, config: DistillConfig
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return hidden weights and bias, output weights and bias."""
    torch.manual_seed(config.seed)
    n_any, loss = has_any.shape[1], torch.nn.functional.binary_cross_entropy_with_logits
    hidden = torch.nn.Linear(features.shape[1], config.hidden)
    out = torch.nn.Linear(config.hidden, n_any + has_label.shape[1])
    model = torch.nn.Sequential(
        torch.nn.Dropout(config.input_dropout), hidden, torch.nn.ReLU(),
        torch.nn.Dropout(config.hidden_dropout), out,
    )  # fmt: skip
    inputs = torch.tensor(features)
    any_, label = torch.tensor(has_any).float(), torch.tensor(has_label).float()
    share = any_.mean(dim=0).clamp(1e-3, 1.0)
    weight = ((1 - share) / share).clamp(1.0, config.most_positive_weight)
    n_batches = max(1, len(features) // config.batch_size)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.epochs * n_batches
    )
    for _ in range(config.epochs):
        for chosen in torch.randperm(len(features)).tensor_split(n_batches):
            found = model(inputs[chosen])
            cost = loss(found[:, :n_any], any_[chosen], pos_weight=weight)
            cost = cost + config.label_weight * loss(found[:, n_any:], label[chosen])
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        return (
            hidden.weight.T.numpy().copy(),
            hidden.bias.numpy().copy(),
            out.weight[:n_any].T.numpy().copy(),
            out.bias[:n_any].numpy().copy(),
        )
