"""From a bundle and the corpus to the bundle with its student."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from critech.bundle import STUDENT, read_bundle, write_student
from critech.bundle.checking import check_bundle
from critech.bundle.reading import locate, read_file
from critech.cascade.words import Words
from critech.encoder import OnnxEncoder
from critech.errors import InputError
from critech.scorer import Scorer
from critech_training.corpus import Record, is_held_out
from critech_training.embedding import FloatArray, Part, embed_records
from critech_training.export import export_student, token_table, with_slack
from critech_training.finetune import has_bfloat16
from critech_training.onnx_weights import restore_exported
from critech_training.outliers import spread_rows
from critech_training.student import (
    StudentConfig,
    StudentModule,
    check_layers,
    lesson_of,
    slack_of,
    student_of,
    teach,
)
from critech_training.torch_encoder import TorchEncoder, load_base
from critech_training.vector_cache import embed_cached, encoder_digest


@dataclasses.dataclass(frozen=True)
class Run:
    """How a student is made beside its hyper-parameters: the ``base`` that the bundle's encoder was
    tuned from, a folder for vectors, threads, the bundle's new version, if it gets one, and the
    folder of a bundle whose student is taken, if none is to be taught."""

    base: str
    cache: Path | None = None
    threads: int = 2
    version: str | None = None
    taken: Path | None = None


def distil(
    path: Path, records: Sequence[Record], config: StudentConfig, run: Run
) -> dict[str, Any]:
    """Teach a student on the part of a corpus that is not held out, write it into the bundle in a
    folder and return how it was made and how it does on the held-out part, as the manifest says.
    One that is taken from another bundle keeps the hyper-parameters that it was taught by.

    Raise InputError when no text would be left to learn from or to hold out, when the bundle's
    encoder was made from another base, and when there is no student to be taken.
    """
    torch.set_num_threads(run.threads)
    torch.use_deterministic_algorithms(True)
    check_bundle(path).raise_first()
    bundle = read_bundle(path)
    held = np.array([is_held_out(record) for record in records])
    if held.all() or not held.any():
        raise InputError("--corpus", f"is too small to be split: {len(records)} texts")
    base = load_base(run.base)
    check_layers(base, config)
    try:
        token_table(base, bundle.encoder_bytes)
    except ValueError:
        raise InputError("--base", "is not what the bundle's encoder was made from") from None
    served = OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
    learned, kept = (
        [one for one, out in zip(records, held, strict=True) if out == part]
        for part in (False, True)
    )
    made: dict[str, Any]
    if run.taken is None:
        vectors, tokens = embed_cached(
            served, encoder_digest(bundle), records, run.cache, run.threads
        )
        whole = Part(records, vectors, tokens)
        held_out = whole.take(np.flatnonzero(held))
        lesson = lesson_of(served, whole.take(np.flatnonzero(~held)), config, run.threads)
        student = student_of(base, config)
        teach(student, served, lesson, bundle, config)
        made = {
            "config": dataclasses.asdict(config),
            "bfloat16": has_bfloat16(),
            "n_texts": len(learned),
            "n_pieces": len(lesson.tokens) - len(learned),
        }
    else:
        student, made = _taken(run.taken, base)
        held_out = Part(kept, *embed_records(served, kept, run.threads))
    max_tokens = made["config"]["max_tokens"]
    rows = spread_rows(base, learned, max_tokens)
    data = export_student(student, bundle.encoder_bytes, base, max_tokens, rows)
    unset = with_slack(data, {one.id: 0.0 for one in bundle.taxonomies})
    with tempfile.TemporaryDirectory() as temporary:
        draft = Path(temporary) / "draft"
        shutil.copytree(locate(bundle.folder), draft)
        write_student(read_bundle(draft), unset, {})
        words = Words(Scorer(read_bundle(draft)))
        told = _measured(words, held_out, [one.id for one in bundle.taxonomies])
    made |= told
    write_student(bundle, with_slack(data, told["slack"]), made, run.version)
    return made


def _taken(path: Path, base: TorchEncoder) -> tuple[StudentModule, dict[str, Any]]:
    """Return the student of a bundle, which is made of the base's own model, and how it was
    taught."""
    bundle = read_bundle(path)
    if STUDENT not in bundle.manifest["files"]:
        raise InputError("--student", f"{path} has no {STUDENT}")
    made = bundle.manifest["training"]["student"]
    try:
        config = StudentConfig(**{**made["config"], "layers": tuple(made["config"]["layers"])})
    except TypeError:
        raise InputError("--student", "was made by a later version of critech") from None
    student = student_of(base, config)
    try:
        restore_exported(student.body, read_file(bundle, STUDENT), student.map)
    except ValueError as error:
        raise InputError("--student", f"was made from another base: {error}") from None
    told = {name: made[name] for name in ("config", "bfloat16", "n_texts", "n_pieces")}
    return student, {**told, "taken_from": {"version": bundle.version, "digest": bundle.digest}}


def _measured(words: Words, held_out: Part, taxonomies: Sequence[str]) -> dict[str, Any]:
    """Return how far the student is from the encoder on texts, and the slack that follows."""
    assert words.student is not None
    kinds: tuple[list[FloatArray], ...] = ([], [], [])
    distances = []
    for record, vector, ids in zip(
        held_out.records, held_out.vectors, held_out.tokens, strict=True
    ):
        estimate = words.student.vector(ids)
        distances.append(1.0 - float((estimate * vector).sum()))
        for kind, one in zip(kinds, (None, estimate, vector), strict=True):
            kind.append(words.excess(ids, "ja" if record.language == "ja" else "en", one))
    by_words, by_student, by_full = map(np.stack, kinds)
    has_any = by_full >= 0
    return {
        "n_held_out": len(distances),
        "distance": round(float(np.mean(distances)), 4),
        "held_out": {
            name: {
                "with_a_label": int(has_any[:, j].sum()),
                "correlation": _correlation(by_student[:, j], by_full[:, j]),
                "correlation_of_words": _correlation(by_words[:, j], by_full[:, j]),
            }
            for j, name in enumerate(taxonomies)
        },
        "slack": slack_of(by_words, by_student, has_any, taxonomies),
    }


def _correlation(one: FloatArray, other: FloatArray) -> float | None:
    """Return the correlation, None where one of the two does not vary."""
    if len(one) < 2 or not (np.ptp(one) and np.ptp(other)):
        return None
    return round(float(np.corrcoef(one, other)[0, 1]), 3)
