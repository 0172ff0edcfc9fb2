"""The student: a small encoder that learns the vectors of the bundle's own, for ``batch --fast``.

A few layers of the base, their inner parts cut down to the strongest units, over the same frozen
token embeddings. They learn from what the bundle's encoder, as it is served, gives for the corpus,
for pieces of its texts, and for pieces of two texts put together: no label is needed, and so any
piece is a lesson. The loss is the distance between the vectors, and between the margins that the
bundle's heads make of them. Deterministic for one seed and machine.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from critech.bundle import Bundle
from critech.bundle.reading import K_PROGRAM
from critech.encoder import OnnxEncoder
from critech.errors import InputError
from critech_labels.matcher import SECRET_PATENTS
from critech_training.embedding import FloatArray, Part, TokenRows
from critech_training.finetune import batches_by_length, has_bfloat16, warmup_then_linear
from critech_training.torch_encoder import TorchEncoder, mean_pool, pad_batch

log = logging.getLogger(__name__)

PAD = 0  # any token: what is padded is masked
STUDENT_WORK = 0.1  # of the full model's
SLACKS = tuple(round(0.1 * step, 1) for step in range(81))


@dataclass(frozen=True)
class StudentConfig:
    """Hyper-parameters; the defaults are the project's recipe. ``layers`` are those of
    the base that the student starts from, negative ones counted from the last, ``inner`` the units
    kept between the two products of a layer's second half. A piece has between ``least_tokens`` and
    ``most_tokens``. A margin of a label counts by its taxonomy's ``weights`` (1 where none is
    given), those of the heads for all labels of a list together by ``joint_weight``."""

    layers: tuple[int, ...] = (0, -1)
    inner: int = 512
    max_tokens: int = 128
    least_tokens: int = 36
    most_tokens: int = 118
    epochs: int = 4
    batch_size: int = 48
    learning_rate: float = 8e-4
    map_learning_rate: float = 2e-3
    distance_weight: float = 2.0
    weights: Mapping[str, float] = field(
        default_factory=lambda: {SECRET_PATENTS: 3.0, K_PROGRAM: 1.5}
    )
    joint_weight: float = 20.0
    warmup_share: float = 0.06
    dropout: float = 0.05
    seed: int = 20260


@dataclass(frozen=True)
class Lesson:
    """Token ids of texts and pieces, unframed, and the encoder's unit vectors for them, float32
    [n, dimension]."""

    tokens: TokenRows
    vectors: FloatArray


class StudentModule(torch.nn.Module):  # type: ignore[misc]
    """A body of few layers, and a linear map of its token states to those of the encoder."""

    def __init__(self, body: torch.nn.Module) -> None:
        super().__init__()
        self.body = body
        hidden = body.config.hidden_size
        self.map = torch.nn.Linear(hidden, hidden)
        torch.nn.init.eye_(self.map.weight)
        torch.nn.init.zeros_(self.map.bias)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return unit vectors float32 [batch, dimension] of token ids int64 [batch, n_tokens]."""
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        return mean_pool(self.map(states).to(torch.float32), mask)


def lesson_of(served: OnnxEncoder, part: Part, config: StudentConfig, threads: int) -> Lesson:
    """Return the lesson of texts."""
    pieces = cut_pieces(part.tokens, [record.language for record in part.records], config)
    with ThreadPoolExecutor(threads) as pool:
        told = list(pool.map(lambda ids: served.run(served.framed(ids)), pieces))
    log.info("embedded %d pieces of %d texts", len(pieces), len(part.tokens))
    return Lesson([*part.tokens, *pieces], np.concatenate([part.vectors, np.stack(told)]))


def cut_pieces(tokens: TokenRows, languages: Sequence[str], config: StudentConfig) -> TokenRows:
    """Return for every text a piece of it, and one of it with one of another text of its language
    behind it."""
    rng = random.Random(config.seed)
    same = {
        language: [i for i, one in enumerate(languages) if one == language]
        for language in set(languages)
    }
    pieces: TokenRows = []
    for ids, language in zip(tokens, languages, strict=True):
        pieces.append(_piece(ids, rng.randint(config.least_tokens, config.most_tokens), rng))
        length = rng.randint(config.least_tokens, config.most_tokens)
        other = tokens[rng.choice(same[language])]
        half = length // 2
        pieces.append(_piece(ids, half, rng) + _piece(other, length - half, rng))
    return pieces


def _piece(ids: tuple[int, ...], length: int, rng: random.Random) -> tuple[int, ...]:
    start = rng.randint(0, max(0, len(ids) - length))
    return ids[start : start + length]


def check_layers(base: TorchEncoder, config: StudentConfig) -> None:
    """Raise InputError for a base that lacks the layers or positions that a student starts from."""
    shape = base.model.config
    n_layers, n_positions = shape.num_hidden_layers, shape.max_position_embeddings
    if not all(-n_layers <= one < n_layers for one in config.layers):
        raise InputError("--base", f"has {n_layers} layers, too few for a student", n_layers)
    if n_positions < config.max_tokens:
        raise InputError("--base", f"has fewer positions than {config.max_tokens}", n_positions)


def student_of(base: TorchEncoder, config: StudentConfig) -> StudentModule:
    """Return the untaught student; the base's own model becomes a part of it."""
    body = base.model
    body.encoder.layer = torch.nn.ModuleList(body.encoder.layer[i] for i in config.layers)
    body.config.num_hidden_layers = len(config.layers)
    for layer in body.encoder.layer:
        _keep_strongest(layer, min(config.inner, layer.intermediate.dense.out_features))
    for module in body.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = config.dropout
    for parameter in body.embeddings.parameters():
        parameter.requires_grad_(False)
    return StudentModule(body)


def _keep_strongest(layer: torch.nn.Module, inner: int) -> None:
    """Cut a layer's inner part down to the units with the largest weights in and out."""
    into, out = layer.intermediate.dense, layer.output.dense
    strength = into.weight.norm(dim=1) * out.weight.norm(dim=0)
    kept = strength.topk(inner).indices.sort().values
    into.weight = torch.nn.Parameter(into.weight.detach()[kept].clone())
    into.bias = torch.nn.Parameter(into.bias.detach()[kept].clone())
    out.weight = torch.nn.Parameter(out.weight.detach()[:, kept].clone())
    into.out_features = out.in_features = inner


def teach(
    student: StudentModule,
    served: OnnxEncoder,
    lesson: Lesson,
    bundle: Bundle,
    config: StudentConfig,
) -> None:
    """Teach a student of a served encoder in place; ``bundle`` has the heads whose margins it is to
    meet."""
    torch.manual_seed(config.seed)
    rng = random.Random(config.seed)
    room = config.max_tokens - served.framed(()).shape[1]
    rows = [served.framed(ids[:room])[0].tolist() for ids in lesson.tokens]
    lengths = [len(row) for row in rows]
    wanted = torch.from_numpy(lesson.vectors)
    directions, counts = _directions(bundle, config)
    spread = (wanted @ directions.T).std(0).clamp(min=1e-6)
    trained = [one for one in student.body.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": trained, "lr": config.learning_rate},
            {"params": student.map.parameters(), "lr": config.map_learning_rate},
        ],
        weight_decay=0.01,
    )
    steps = math.ceil(len(rows) / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, warmup_then_linear(steps * config.epochs, config.warmup_share)
    )
    alone = np.full(len(rows), -1)
    half = has_bfloat16()
    student.train()
    for epoch in range(config.epochs):
        far = 0.0
        for index in batches_by_length(lengths, alone, config.batch_size, rng):
            ids, mask = pad_batch([rows[i] for i in index], PAD)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                vectors = student(ids, mask)
            vectors = vectors.to(torch.float32)
            distance = (1.0 - (vectors * wanted[index]).sum(1)).mean()
            missed = ((vectors - wanted[index]) @ directions.T) / spread
            margins = (missed.square() * counts).sum(1).mean() / counts.sum()
            loss = config.distance_weight * distance + margins
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            far += float(distance.detach())
        log.info("epoch %d of %d: distance %.4f", epoch + 1, config.epochs, far / steps)
    student.eval()


def _directions(bundle: Bundle, config: StudentConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the dense weights of all heads, labels first, float32 [n, dimension], and how much
    each counts [n]."""
    joint = [one.dense[None] for one in bundle.joint.values()]
    directions = np.concatenate([bundle.heads.dense, *joint]).astype(np.float32)
    counts = [config.weights.get(label.partition(":")[0], 1.0) for label in bundle.labels]
    counts += [config.joint_weight] * len(joint)
    return torch.from_numpy(directions), torch.tensor(counts)


def slack_of(
    by_words: FloatArray,
    by_student: FloatArray,
    has_any: npt.NDArray[np.bool_],
    taxonomies: Sequence[str],
) -> dict[str, float]:
    """Return by taxonomy what is added to the excess by words, from both excesses float32
    [n_texts, n_taxonomies] and whether the full model finds something, of that shape: that of
    ``SLACKS`` with which texts without anything take the least work, with a cut-off that keeps 99 %
    of those with something."""
    found = {}
    for j, name in enumerate(taxonomies):
        own = has_any[:, j]
        if own.all() or not own.any():
            found[name] = 0.0
            continue
        work = [_work(by_words[:, j] + one, by_student[:, j], own) for one in SLACKS]
        found[name] = SLACKS[int(np.argmin(work))]
    return found


def _work(by_words: FloatArray, by_student: FloatArray, own: npt.NDArray[np.bool_]) -> float:
    """Return the work of a text without anything, that of the full model being 1."""
    least = np.minimum(by_words, by_student)
    cutoff = np.quantile(least[own], 0.01)
    asked, passed = (float((one[~own] >= cutoff).mean()) for one in (by_words, least))
    return STUDENT_WORK * asked + passed
