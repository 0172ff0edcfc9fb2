"""From embedded texts to the content of a bundle: everything behind the encoder. Needs no torch."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

from critech.bundle import BundleContent
from critech.encoder import EncoderConfig
from critech.heads import LANGUAGE_ROW, Heads
from critech_labels import Taxonomy
from critech_labels.export import snapshot
from critech_labels.matcher import SECRET_PATENTS
from critech_labels.taxonomy import label_order, parent_positions
from critech_training.corpus import (
    CORPUS_DIGEST,
    CORPUS_VERSION,
    HELD_OUT_PERCENT,
    POSITIVE,
    Record,
    corpus_digest,
    strengths,
)
from critech_training.embedding import FloatArray, TokenRows
from critech_training.evaluate import summaries
from critech_training.fit import (
    CalibrationConfig,
    HeadConfig,
    calibrate,
    calibrated_scores,
    coverage_floor,
    fit_heads,
    margins,
)
from critech_training.judged import JudgedTexts
from critech_training.metrics import Slice, reliability
from critech_training.screening_fit import (
    ScreeningConfig,
    any_field_strengths,
    example_index,
    field_positions,
    fit_any_field,
    fit_screening,
)

LEXICAL_DTYPE = np.float16
PACKAGES = ("numpy", "onnxruntime", "scikit-learn", "scipy", "tokenizers")


@dataclass(frozen=True)
class FitConfig:
    """How heads, calibration, thresholds and screening are fitted."""

    heads: HeadConfig = field(default_factory=HeadConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    screening: ScreeningConfig = field(default_factory=ScreeningConfig)
    threads: int = 2


@dataclass(frozen=True)
class Part:
    """Records and what the served encoder gives for them: unit vectors float32 [n_texts, dimension]
    and token ids."""

    records: Sequence[Record]
    vectors: FloatArray
    tokens: TokenRows


@dataclass(frozen=True)
class Identity:
    """What of a bundle is there before anything is fitted: its name and version, the encoder as it
    is served, and what the manifest says about the training."""

    name: str
    version: str
    encoder_config: EncoderConfig
    encoder_bytes: bytes
    tokenizer_bytes: bytes
    training: Mapping[str, Any]


def fit_content(
    identity: Identity,
    fit: Part,
    held_out: Part,
    taxonomies: Sequence[Taxonomy],
    config: FitConfig,
    *,
    judged: JudgedTexts | None = None,
    known: Heads | None = None,
) -> BundleContent:
    """Return a bundle's content without metrics and card: heads fitted on ``fit`` and on what is
    judged, all else on ``held_out``. Nothing but the heads' weights depends on judged texts.
    ``known`` heads, see ``fit_heads``, spare the labels that nothing is judged of."""
    labels = label_order(taxonomies)
    y_fit = strengths([record.labels for record in fit.records], labels)
    y_held = strengths([record.labels for record in held_out.records], labels)
    heads = fit_heads(
        fit.vectors, fit.tokens, y_fit, config.heads, config.threads, judged=judged, known=known
    )
    z = margins(heads, held_out.vectors, held_out.tokens)
    languages = [record.language for record in held_out.records]
    calibration, thresholds = calibrate(z, y_held, languages, taxonomies, config.calibration)
    scores = calibrated_scores(calibration, z, languages, parent_positions(taxonomies))
    rows = np.array([LANGUAGE_ROW[language] for language in languages])
    fields = field_positions(labels)
    y_any = any_field_strengths(y_fit[:, fields])
    any_head = fit_heads(fit.vectors, fit.tokens, y_any, config.heads, config.threads)
    return BundleContent(
        **vars(identity),
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
                heads.vocabulary, held_out.tokens, rows, config.calibration
            ),
        },
        scale=heads.scale,
        metrics={},
        model_card="",
        examples=example_index(fit.records, fit.vectors, heads.center, y_fit),
        screening=fit_screening(
            held_out.records,
            scores[:, fields],
            y_held[:, fields],
            next(taxonomy for taxonomy in taxonomies if taxonomy.id == SECRET_PATENTS),
            config.screening,
        ),
        any_field=fit_any_field(
            any_head,
            margins(any_head, held_out.vectors, held_out.tokens)[:, 0],
            held_out.records,
            scores[:, fields],
            y_held[:, fields],
            config=config.screening,
        ),
    )


def provenance(
    base: str,
    tuning: Mapping[str, Any],
    parts: tuple[Sequence[Record], Sequence[Record]],
    labels: Sequence[str],
    config: FitConfig,
    *,
    packages: Sequence[str] = PACKAGES,
) -> dict[str, Any]:
    """Return what a manifest says about how its bundle came to be: ``parts`` are the texts to fit
    on and those held out. Only the project's own corpus has a version."""
    fit_part, held_out = parts
    everything = [*fit_part, *held_out]
    corpus = corpus_digest(everything)
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
    return {
        "base": base,
        "corpus_version": CORPUS_VERSION if corpus == CORPUS_DIGEST else None,
        "corpus_digest": corpus,
        "n_texts": {
            "fit": len(fit_part),
            "held_out": len(held_out),
            "en": sum(record.language == "en" for record in everything),
            "ja": sum(record.language == "ja" for record in everything),
        },
        "held_out_percent": HELD_OUT_PERCENT,
        "positives": counts,
        "encoder": tuning,
        "config": {
            name: asdict(getattr(config, name)) for name in ("heads", "calibration", "screening")
        },
        "packages": {name: metadata.version(name) for name in packages},
        "python": platform.python_version(),
    }


def held_out_metrics(slices: Mapping[str, Slice], languages: Sequence[str]) -> dict[str, Any]:
    """Return the metrics on the held-out part, in all and per language, and the bins of the
    reliability diagram of each slice; one row of each slice and one language a text."""
    rows = {
        language: np.flatnonzero([found == language for found in languages])
        for language in ("en", "ja")
    }
    return {
        "data": "held-out part of the training corpus",
        "n_texts": len(languages),
        "taxonomies": summaries(slices),
        "languages": {
            language: summaries({name: data.take(chosen) for name, data in slices.items()})
            for language, chosen in rows.items()
            if len(chosen)
        },
        "reliability": {name: bins(data) for name, data in slices.items()},
    }


def bins(data: Slice) -> list[dict[str, float]]:
    """Return the bins of a slice's reliability diagram, JSON-ready."""
    found = reliability(data.scores, data.strengths)
    return [{name: round(value, 4) for name, value in vars(one).items()} for one in found]
