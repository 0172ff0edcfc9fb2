"""Encoder adaptation: multi-label fine-tuning of the upper layers on the labelled corpus.

Token embeddings and the lower layers stay frozen. Their activations are computed once for each
text (a share of them without their title) and kept in memory, so an epoch costs only the upper
layers.
Loss: binary cross-entropy over all labels, positives weighted, strength 1 masked; unit vectors are
scaled before a linear head. Translated pairs are drawn together by a cosine term, and a linear map
of the vectors is drawn to those of an English teacher (see ``teacher``), by a cosine term too.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from critech_training.torch_encoder import TorchEncoder, mean_pool, pad_batch

log = logging.getLogger(__name__)

RUN_BATCHES = 32


@dataclass(frozen=True)
class FinetuneConfig:
    """Hyper-parameters; the defaults are the project's recipe. ``bfloat16``: whether
    the layers compute in that precision (weights, loss and optimizer stay fp32); None where the
    processor has instructions for it, since elsewhere it is slower."""

    epochs: int = 4
    batch_size: int = 16
    learning_rate: float = 1.5e-4
    head_learning_rate: float = 1e-3
    positive_weight: float = 5.0
    logit_scale: float = 8.0
    pair_weight: float = 0.5
    teacher_weight: float = 4.0
    untitled_share: float = 0.3
    max_tokens: int = 160
    n_frozen_layers: int = 6
    warmup_share: float = 0.1
    bfloat16: bool | None = None
    seed: int = 20260


@dataclass(frozen=True)
class FinetuneData:
    """Texts with and without title, strengths int8 [n_texts, n_labels] in {0, 1, 2}, for each text
    the row of its translation or -1, and the teacher's vectors float32 [n_texts, dimension], zero
    where it has no view."""

    titled: Sequence[str]
    untitled: Sequence[str]
    strengths: npt.NDArray[np.int8]
    pair_row: npt.NDArray[np.int64]
    teacher: npt.NDArray[np.float32]


def _lower_activations(
    encoder: TorchEncoder, texts: Sequence[str], config: FinetuneConfig
) -> list[torch.Tensor]:
    """Return for each text what the frozen embeddings and layers make of it, fp16
    [tokens, hidden]."""
    body = encoder.model
    rows = [encoder.token_ids(text, config.max_tokens) for text in texts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    pad = encoder.special["pad"]
    out: list[torch.Tensor] = [torch.empty(0)] * len(rows)
    body.eval()
    with torch.inference_mode(), _precision(config):
        for start in range(0, len(order), 16):
            index = order[start : start + 16]
            ids, mask = pad_batch([rows[i] for i in index], pad)
            hidden = body.embeddings(input_ids=ids)
            bias = attention_bias(mask)
            for layer in body.encoder.layer[: config.n_frozen_layers]:
                hidden = _call_layer(layer, hidden, bias)
            for row, i in enumerate(index):
                out[i] = hidden[row, : len(rows[i])].to(torch.float16)
    return [tensor.clone() for tensor in out]


def _precision(config: FinetuneConfig) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=bool(config.bfloat16))


def attention_bias(mask: torch.Tensor) -> torch.Tensor:
    """Return the additive mask [batch, 1, 1, tokens]: 0 where kept, very low where not."""
    return (1.0 - mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min


def _call_layer(layer: torch.nn.Module, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Return what one transformer layer makes of hidden states [batch, tokens, hidden]."""
    output = layer(hidden, bias)
    return output[0] if isinstance(output, tuple) else output


def _pad_cached(rows: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(row.shape[0] for row in rows)
    hidden = torch.zeros((len(rows), longest, rows[0].shape[1]))
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        hidden[i, : row.shape[0]] = row.to(torch.float32)
        mask[i, : row.shape[0]] = 1
    return hidden, mask


def settled(config: FinetuneConfig) -> FinetuneConfig:
    """Return the configuration with the precision that it has on this machine."""
    if config.bfloat16 is not None:
        return config
    return replace(config, bfloat16=has_bfloat16())


def has_bfloat16() -> bool:
    """Return whether this processor has instructions for bfloat16."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def finetune(encoder: TorchEncoder, data: FinetuneData, config: FinetuneConfig) -> None:
    """Fine-tune the encoder's upper layers in place. Deterministic for one seed and machine."""
    config = settled(config)
    torch.manual_seed(config.seed)
    rng = random.Random(config.seed)
    texts = [
        untitled if rng.random() < config.untitled_share else titled
        for titled, untitled in zip(data.titled, data.untitled, strict=True)
    ]
    lower = _lower_activations(encoder, texts, config)
    log.info("cached the lower %d layers of %d texts", config.n_frozen_layers, len(lower))
    layers = encoder.model.encoder.layer[config.n_frozen_layers :]
    head = torch.nn.Linear(lower[0].shape[1], data.strengths.shape[1])
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.constant_(head.bias, -2.0)
    teacher = torch.from_numpy(data.teacher)
    to_teacher = torch.nn.Linear(lower[0].shape[1], teacher.shape[1], bias=False)
    optimizer = torch.optim.AdamW(
        [
            {"params": layers.parameters(), "lr": config.learning_rate},
            {"params": head.parameters(), "lr": config.head_learning_rate},
            {"params": to_teacher.parameters(), "lr": config.head_learning_rate},
        ],
        weight_decay=0.01,
    )
    strengths = torch.from_numpy(data.strengths)
    lengths = [row.shape[0] for row in lower]
    batches_per_epoch = math.ceil(len(lower) / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, warmup_then_linear(batches_per_epoch * config.epochs, config.warmup_share)
    )
    encoder.model.train()
    for epoch in range(config.epochs):
        total = guided = 0.0
        for index in batches_by_length(lengths, data.pair_row, config.batch_size, rng):
            hidden, mask = _pad_cached([lower[i] for i in index])
            bias = attention_bias(mask)
            with _precision(config):
                for layer in layers:
                    hidden = _call_layer(layer, hidden, bias)
            vectors = mean_pool(hidden.to(torch.float32), mask)
            loss = _label_loss(head(vectors * config.logit_scale), strengths[index], config)
            loss = loss + config.pair_weight * _pair_loss(vectors, index, data.pair_row)
            distance = _teacher_loss(to_teacher(vectors), teacher[index])
            loss = loss + config.teacher_weight * distance
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
            guided += float(distance.detach())
        log.info(
            "epoch %d of %d: loss %.4f, of it teacher %.4f",
            epoch + 1,
            config.epochs,
            total / batches_per_epoch,
            config.teacher_weight * guided / batches_per_epoch,
        )
    encoder.model.eval()


def warmup_then_linear(n_steps: int, warmup_share: float) -> Callable[[int], float]:
    """Return the share of the learning rate by step: up to 1, then down to 0 in a line."""
    warmup = max(1, int(n_steps * warmup_share))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return max(0.0, (n_steps - step) / max(1, n_steps - warmup))

    return factor


def batches_by_length(
    lengths: Sequence[int], pair_row: npt.NDArray[np.int64], batch_size: int, rng: random.Random
) -> list[list[int]]:
    """Return batches of texts of like length; a text and its translation stand side by side.

    Groups are shuffled, sorted by length within runs of ``RUN_BATCHES`` batches, cut into batches,
    and the batches shuffled: an epoch pads little and still meets the texts in random order.
    """
    n_texts = len(lengths)
    groups = [[i] for i in range(n_texts) if pair_row[i] < 0]
    groups += [[i, int(pair_row[i])] for i in range(n_texts) if pair_row[i] > i]
    rng.shuffle(groups)
    flat: list[int] = []
    run_size = batch_size * RUN_BATCHES
    for start in range(0, len(groups), run_size):
        run = groups[start : start + run_size]
        run.sort(key=lambda group: max(lengths[i] for i in group))
        flat += [i for group in run for i in group]
    batches = [flat[start : start + batch_size] for start in range(0, n_texts, batch_size)]
    rng.shuffle(batches)
    return batches


def _label_loss(
    logits: torch.Tensor, strengths: torch.Tensor, config: FinetuneConfig
) -> torch.Tensor:
    target = (strengths == 2).to(logits.dtype)
    weight = (strengths != 1).to(logits.dtype) * (1.0 + target * (config.positive_weight - 1.0))
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, target, weight=weight, reduction="none"
    )
    return losses.sum(1).mean() / 10.0


def _pair_loss(
    vectors: torch.Tensor, index: Sequence[int], pair_row: npt.NDArray[np.int64]
) -> torch.Tensor:
    position = {row: at for at, row in enumerate(index)}
    pairs = [
        (at, position[int(pair_row[row])])
        for row, at in position.items()
        if pair_row[row] > row and int(pair_row[row]) in position
    ]
    if not pairs:
        return vectors.new_zeros(())
    left = vectors[[a for a, _ in pairs]]
    right = vectors[[b for _, b in pairs]]
    return (1.0 - (left * right).sum(1)).mean()


def _teacher_loss(mapped: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return the mean cosine distance to the teacher over the rows on which it has a view."""
    seen = teacher.abs().sum(1) > 0
    if not bool(seen.any()):
        return mapped.new_zeros(())
    return (1.0 - torch.nn.functional.cosine_similarity(mapped[seen], teacher[seen])).mean()
