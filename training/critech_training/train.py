"""The training pipeline: corpus to bundle."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from critech.bundle import MANIFEST, BundleContent, read_bundle, write_bundle
from critech.classifier import Classifier
from critech.encoder import EncoderConfig, OnnxEncoder
from critech.errors import InputError
from critech.text import compose_document
from critech_labels import Taxonomy, load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.base_weights import PACKED_BASE
from critech_training.bundle_fit import (
    FitConfig,
    Identity,
    fit_content,
    held_out_metrics,
    provenance,
)
from critech_training.corpus import Record, corpus_digest, pair_rows, split, strengths, tuning_part
from critech_training.embedding import Part, embed_records
from critech_training.evaluate import GoldText, score_texts
from critech_training.export import export_onnx, token_table
from critech_training.finetune import FinetuneConfig, FinetuneData, finetune, settled
from critech_training.model_card import model_card
from critech_training.onnx_weights import restore_exported
from critech_training.outliers import spread_rows
from critech_training.teacher import LARGE, check_teacher, teacher_origin, teacher_vectors
from critech_training.torch_encoder import (
    TorchEncoder,
    has_weights,
    load_base,
    restore_weights,
    save_encoder,
)

log = logging.getLogger(__name__)

CHUNK_TOKENS = 512
MAX_CHUNKS = 32
PACKAGES = (
    "numpy",
    "onnx",
    "onnxruntime",
    "scikit-learn",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)


@dataclass(frozen=True)
class TrainConfig(FitConfig):
    """Everything that decides a bundle besides corpus and code."""

    name: str = "default"
    version: str = "0.10.0"
    base: str = PACKED_BASE
    teacher: str = LARGE
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)


def train(
    records: Sequence[Record],
    out: Path,
    config: TrainConfig | None = None,
    encoder_dir: Path | None = None,
) -> dict[str, Any]:
    """Train a bundle on a corpus, write it to ``out`` and return its held-out report.

    With ``encoder_dir`` an encoder that was saved there, or that of a bundle there, is used again,
    or one is fine-tuned and saved there when the folder is empty; heads, calibration and thresholds
    are always fitted. Raise InputError when no text would be left to fit on or to hold out, for a
    teacher that is not there, or for a bundle with another base.
    """
    import torch

    config = config or TrainConfig()
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True)
    taxonomies = list(load_taxonomies().values())
    labels = label_order(taxonomies)
    fit_part, held_out = split(records)
    if not fit_part or not held_out:
        raise InputError("--corpus", f"is too small to be split: {len(records)} texts")
    log.info("%d texts to fit on, %d held out", len(fit_part), len(held_out))
    saved = encoder_dir if encoder_dir is not None and has_weights(encoder_dir) else None
    is_bundle = encoder_dir is not None and (encoder_dir / MANIFEST).is_file()
    if saved is None and not is_bundle:
        check_teacher(config.teacher)

    encoder = load_base(config.base)
    if saved is not None:
        restore_weights(encoder, saved)
    elif encoder_dir is not None and is_bundle:
        _take_from_bundle(encoder, encoder_dir)
    else:
        known = tuning_part(records)
        tuned, _ = split(known)
        how = settled(config.finetune)
        finetune(encoder, _finetune_data(tuned, labels, config.teacher, how), how)
        encoder.tuning = {
            "n_texts": len(tuned),
            "corpus_digest": corpus_digest(known),
            "teacher": teacher_origin(config.teacher),
            "config": asdict(how),
        }
        if encoder_dir is not None:
            save_encoder(encoder, encoder_dir)
    content = fit_bundle(encoder, fit_part, held_out, taxonomies, config)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft"
        write_bundle(content, draft)
        report = held_out_report(draft, held_out, config.threads)
    final = {**vars(content), "metrics": report}
    final["model_card"] = model_card(final["training"], report)
    write_bundle(BundleContent(**final), out)
    return report


def _take_from_bundle(encoder: TorchEncoder, folder: Path) -> None:
    """Load the encoder of a bundle into one of its base. Raise InputError when it has another."""
    bundle = read_bundle(folder)
    try:
        token_table(encoder, bundle.encoder_bytes)
        restore_exported(encoder.model, bundle.encoder_bytes)
    except ValueError as error:
        raise InputError("--encoder", f"the bundle's encoder has another base: {error}") from None
    encoder.tuning = {
        **bundle.manifest["training"]["encoder"],
        "taken_from": {"version": bundle.version, "digest": bundle.digest},
    }


def _finetune_data(
    records: Sequence[Record], labels: Sequence[str], teacher: str, config: FinetuneConfig
) -> FinetuneData:
    titled = [compose_document(record.title, record.text) for record in records]
    pairs = pair_rows(records)
    is_english = np.array([record.language == "en" for record in records])
    return FinetuneData(
        titled=titled,
        untitled=[compose_document(None, record.text) for record in records],
        strengths=strengths([record.labels for record in records], labels),
        pair_row=pairs,
        teacher=teacher_vectors(teacher, titled, is_english, pairs, bfloat16=bool(config.bfloat16)),
    )


def fit_bundle(
    encoder: TorchEncoder,
    fit_part: Sequence[Record],
    held_out: Sequence[Record],
    taxonomies: Sequence[Taxonomy],
    config: TrainConfig,
) -> BundleContent:
    """Export the encoder and fit heads, calibration and thresholds on what the exported file
    gives, so that quantisation is part of what they are fitted to."""
    parts = (fit_part, held_out)
    identity = Identity(
        name=config.name,
        version=config.version,
        encoder_config=EncoderConfig(
            prefix=encoder.prefix,
            bos=encoder.special["bos"],
            eos=encoder.special["eos"],
            chunk_tokens=CHUNK_TOKENS,
            max_chunks=MAX_CHUNKS,
            dimension=encoder.model.config.hidden_size,
        ),
        encoder_bytes=export_onnx(encoder, spread_rows(encoder, fit_part)),
        tokenizer_bytes=encoder.tokenizer.to_str().encode(),
        training=provenance(
            encoder.base,
            encoder.tuning,
            parts,
            label_order(taxonomies),
            config,
            packages=PACKAGES,
        ),
    )
    served = OnnxEncoder(identity.encoder_bytes, identity.tokenizer_bytes, identity.encoder_config)
    fit, held = (Part(part, *embed_records(served, part, config.threads)) for part in parts)
    log.info("embedded %d texts with the exported encoder", len(fit_part) + len(held_out))
    return fit_content(identity, fit, held, taxonomies, config)


def held_out_report(bundle: Path, held_out: Sequence[Record], threads: int) -> dict[str, Any]:
    """Return the evaluation of a bundle on the held-out part, in all and per language."""
    texts = [
        GoldText(
            record.id,
            record.title,
            record.text,
            record.labels,
            record.language,
            pair_of=record.pair_of,
        )
        for record in held_out
    ]
    with Classifier(read_bundle(bundle), threads) as classifier:
        found = score_texts(classifier, texts).slices
    return held_out_metrics(found, [record.language for record in held_out])
