"""The training pipeline: corpus to bundle."""

from __future__ import annotations

import logging
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from critech.bundle import BundleContent, read_bundle, write_bundle
from critech.classifier import Classifier
from critech.encoder import EncoderConfig, OnnxEncoder
from critech.heads import LANGUAGE_ROW
from critech.text import compose_document
from critech_labels import Taxonomy, load_taxonomies
from critech_labels.export import snapshot
from critech_labels.matcher import SECRET_PATENTS
from critech_labels.taxonomy import label_order, parent_positions
from critech_training.corpus import (
    CORPUS_VERSION,
    HELD_OUT_PERCENT,
    POSITIVE,
    Record,
    digest,
    pair_rows,
    split,
    strengths,
)
from critech_training.embedding import embed_records
from critech_training.evaluate import GoldText, score_texts, summaries
from critech_training.export import export_onnx
from critech_training.finetune import FinetuneConfig, FinetuneData, finetune
from critech_training.fit import (
    CalibrationConfig,
    HeadConfig,
    calibrate,
    calibrated_scores,
    coverage_floor,
    fit_heads,
    margins,
)
from critech_training.model_card import model_card
from critech_training.screening_fit import (
    ScreeningConfig,
    example_index,
    field_positions,
    fit_screening,
)
from critech_training.teacher import teacher_vectors
from critech_training.torch_encoder import (
    PACKED_BASE,
    TorchEncoder,
    has_weights,
    load_base,
    restore_weights,
    save_encoder,
)

log = logging.getLogger(__name__)

CHUNK_TOKENS = 512
MAX_CHUNKS = 32
LEXICAL_DTYPE = np.float16


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a bundle besides corpus and code."""

    name: str = "default"
    version: str = "0.4.0"
    base: str = PACKED_BASE
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    heads: HeadConfig = field(default_factory=HeadConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    screening: ScreeningConfig = field(default_factory=ScreeningConfig)
    threads: int = 2


def train(
    records: Sequence[Record],
    out: Path,
    config: TrainConfig | None = None,
    encoder_dir: Path | None = None,
) -> dict[str, Any]:
    """Train a bundle on a corpus, write it to ``out`` and return its held-out report.

    With ``encoder_dir`` an encoder that was saved there is used again, or one is fine-tuned and
    saved there when the folder is empty; heads, calibration and thresholds are always fitted.
    """
    import torch

    config = config or TrainConfig()
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True)
    taxonomies = list(load_taxonomies().values())
    labels = label_order(taxonomies)
    fit_part, held_out = split(records)
    if not fit_part or not held_out:
        raise ValueError("the corpus is too small to be split")
    log.info("%d texts to fit on, %d held out", len(fit_part), len(held_out))

    encoder = load_base(config.base)
    if encoder_dir is not None and has_weights(encoder_dir):
        restore_weights(encoder, encoder_dir)
    else:
        finetune(encoder, _finetune_data(fit_part, labels), config.finetune)
        encoder.tuning = {
            "n_texts": len(fit_part),
            "corpus_digest": digest(sorted(records, key=lambda record: record.id)),
            "config": asdict(config.finetune),
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


def _finetune_data(records: Sequence[Record], labels: Sequence[str]) -> FinetuneData:
    titled = [compose_document(record.title, record.text) for record in records]
    pairs = pair_rows(records)
    is_english = np.array([record.language == "en" for record in records])
    return FinetuneData(
        titled=titled,
        untitled=[compose_document(None, record.text) for record in records],
        strengths=strengths([record.labels for record in records], labels),
        pair_row=pairs,
        teacher=teacher_vectors(titled, is_english, pairs),
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
    labels = label_order(taxonomies)
    encoder_config = EncoderConfig(
        prefix=encoder.prefix,
        bos=encoder.special["bos"],
        eos=encoder.special["eos"],
        chunk_tokens=CHUNK_TOKENS,
        max_chunks=MAX_CHUNKS,
        dimension=encoder.model.config.hidden_size,
    )
    onnx_bytes = export_onnx(encoder)
    tokenizer_bytes = encoder.tokenizer.to_str().encode()
    onnx_encoder = OnnxEncoder(onnx_bytes, tokenizer_bytes, encoder_config)
    vectors, tokens = {}, {}
    for name, part in (("fit", fit_part), ("held_out", held_out)):
        vectors[name], tokens[name] = embed_records(onnx_encoder, part, config.threads)
    log.info("embedded %d texts with the exported encoder", len(fit_part) + len(held_out))
    y_fit = strengths([record.labels for record in fit_part], labels)
    y_held = strengths([record.labels for record in held_out], labels)
    heads = fit_heads(vectors["fit"], tokens["fit"], y_fit, config.heads, config.threads)
    z = margins(heads, vectors["held_out"], tokens["held_out"])
    languages = [record.language for record in held_out]
    calibration, thresholds = calibrate(z, y_held, languages, taxonomies, config.calibration)
    rows = np.array([LANGUAGE_ROW[language] for language in languages])
    scores = calibrated_scores(calibration, z, languages, parent_positions(taxonomies))
    fields = field_positions(labels)
    screening = fit_screening(
        held_out,
        scores[:, fields],
        y_held[:, fields],
        next(taxonomy for taxonomy in taxonomies if taxonomy.id == SECRET_PATENTS),
        config.screening,
    )
    return BundleContent(
        name=config.name,
        version=config.version,
        encoder_config=encoder_config,
        encoder_bytes=onnx_bytes,
        tokenizer_bytes=tokenizer_bytes,
        labels=labels,
        snapshot={"taxonomies": [snapshot(taxonomy) for taxonomy in taxonomies]},
        arrays={
            "center": heads.center,
            "dense": heads.dense,
            "lexical": heads.lexical.astype(LEXICAL_DTYPE),
            "intercept": heads.intercept,
            "lexical_keys": heads.vocabulary.keys,
            "lexical_idf": heads.vocabulary.idf,
            "slope": calibration.slope,
            "offset": calibration.offset,
            "fitted": calibration.fitted,
            "assigned": thresholds.assigned,
            "possible": thresholds.possible,
            "coverage_floor": coverage_floor(
                heads.vocabulary, tokens["held_out"], rows, config.calibration
            ),
        },
        scale=heads.scale,
        metrics={},
        model_card="",
        training=provenance(encoder, fit_part, held_out, labels, config),
        examples=example_index(fit_part, vectors["fit"], heads.center, y_fit),
        screening=screening,
    )


def provenance(
    encoder: TorchEncoder,
    fit_part: Sequence[Record],
    held_out: Sequence[Record],
    labels: Sequence[str],
    config: TrainConfig,
) -> dict[str, Any]:
    """Return what a manifest says about how its bundle came to be."""
    everything = [*fit_part, *held_out]
    counts = {
        label: {
            language: sum(
                record.language == language and record.labels.get(label) == POSITIVE
                for record in everything
            )
            for language in ("en", "ja")
        }
        for label in labels
    }
    packages = (
        "numpy",
        "onnx",
        "onnxruntime",
        "scikit-learn",
        "tokenizers",
        "torch",
        "transformers",
    )
    return {
        "base": encoder.base,
        "corpus_version": CORPUS_VERSION,
        "corpus_digest": digest(sorted(everything, key=lambda record: record.id)),
        "n_texts": {
            "fit": len(fit_part),
            "held_out": len(held_out),
            "en": sum(record.language == "en" for record in everything),
            "ja": sum(record.language == "ja" for record in everything),
        },
        "held_out_percent": HELD_OUT_PERCENT,
        "positives": counts,
        "encoder": encoder.tuning,
        "config": {
            name: asdict(getattr(config, name)) for name in ("heads", "calibration", "screening")
        },
        "packages": {name: metadata.version(name) for name in packages},
        "python": platform.python_version(),
    }


def held_out_report(bundle: Path, held_out: Sequence[Record], threads: int) -> dict[str, Any]:
    """Return the evaluation of a bundle on the held-out part, in all and per language."""
    texts = [
        GoldText(record.id, record.title, record.text, record.labels, record.language)
        for record in held_out
    ]
    with Classifier(read_bundle(bundle), threads) as classifier:
        found = score_texts(classifier, texts).slices
    rows = {
        language: np.flatnonzero([text.language == language for text in texts])
        for language in ("en", "ja")
    }
    return {
        "data": "held-out part of the training corpus",
        "n_texts": len(texts),
        "taxonomies": summaries(found),
        "languages": {
            language: summaries({name: data.take(chosen) for name, data in found.items()})
            for language, chosen in rows.items()
            if len(chosen)
        },
    }
