"""From embedded texts to the content of a bundle: everything behind the encoder. Needs no torch."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.bundle import BundleContent
from critech.bundle.reading import K_PROGRAM
from critech.decision import Thresholds
from critech.encoder import EncoderConfig
from critech.heads import LANGUAGE_ROW, Calibration, Heads
from critech.screening.any_field import AnyField
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
from critech_training.embedding import Part
from critech_training.evaluate import summaries
from critech_training.fit import (
    CalibrationConfig,
    HeadConfig,
    calibrate,
    calibrated_scores,
    calibration_group,
    coverage_floor,
    fit_heads,
    margins,
)
from critech_training.judged import JudgedTexts
from critech_training.metrics import Slice, reliability
from critech_training.screening_fit import (
    CutoffConfig,
    ScreeningConfig,
    any_field_strengths,
    example_index,
    fit_any_field,
    fit_screening,
    positions_of,
)
from critech_training.unknown_writers import margins_of_unknown_writers

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
class Identity:
    """What of a bundle is there before anything is fitted: its name and version, the encoder as it
    is served, and what the manifest says about the training."""

    name: str
    version: str
    encoder_config: EncoderConfig
    encoder_bytes: bytes
    tokenizer_bytes: bytes
    training: Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """What a bundle fitted on the same texts, without judged ones, already has: its heads, which
    stand for the labels that nothing is judged of, see ``fit_heads``; and, by the same calibration
    configuration, calibration and cut-offs, which stand for the groups of ``unknown_writers`` when
    nothing is judged of any label in them."""

    heads: Heads
    calibrated: tuple[Calibration, Thresholds] | None


def fit_content(
    identity: Identity,
    fit: Part,
    held_out: Part,
    taxonomies: Sequence[Taxonomy],
    config: FitConfig,
    *,
    judged: JudgedTexts | None = None,
    known: Known | None = None,
) -> BundleContent:
    """Return a bundle's content without metrics and card: heads fitted on ``fit`` and on what is
    judged, all else on ``held_out``. Nothing but the heads' weights, and what follows from them,
    depends on judged texts. What is ``known`` is not fitted again."""
    labels = label_order(taxonomies)
    y_fit = strengths([record.labels for record in fit.records], labels)
    y_held = strengths([record.labels for record in held_out.records], labels)
    heads = fit_heads(
        fit.vectors,
        fit.tokens,
        y_fit,
        config.heads,
        config.threads,
        judged=judged,
        known=known.heads if known else None,
    )
    z = margins(heads, held_out.vectors, held_out.tokens)
    languages = [record.language for record in held_out.records]
    unknown = _of_unknown_writers(labels, config.calibration)
    of_unknown = None if judged is None else judged.of(unknown)
    stands = None if known is None or (of_unknown and of_unknown.any()) else known.calibrated
    asked = z.copy()
    if stands is None:
        asked[:, unknown] = margins_of_unknown_writers(
            fit,
            held_out,
            y_fit[:, unknown],
            z[:, unknown],
            config.heads,
            n_folds=config.calibration.writer_folds,
            n_jobs=config.threads,
            judged=of_unknown,
        )
    found = calibrate(asked, y_held, languages, taxonomies, config.calibration)
    calibration, thresholds = found if stands is None else _with_known(found, stands, unknown)
    scores = calibrated_scores(calibration, z, languages, parent_positions(taxonomies))
    rows = np.array([LANGUAGE_ROW[language] for language in languages])
    fields = positions_of(labels, SECRET_PATENTS)

    def joint(name: str, cutoffs: CutoffConfig | None) -> AnyField | None:
        flags = config.screening.flags.get(name) if name in config.calibration.companions else None
        if flags is None and cutoffs is None:
            return None
        own = positions_of(labels, name)
        y_any = any_field_strengths(y_fit[:, own])
        judged_any = (
            None if judged is None else judged.given(any_field_strengths(judged.of(own).strengths))
        )
        head = fit_heads(
            fit.vectors, fit.tokens, y_any, config.heads, config.threads, judged=judged_any
        )
        return fit_any_field(
            head,
            margins(head, held_out.vectors, held_out.tokens)[:, 0],
            held_out.records,
            scores[:, own],
            y_held[:, own],
            base_rate=config.screening.any_base_rate,
            cutoffs=cutoffs,
            flags=flags,
        )

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
            "companion_share": thresholds.companion_share(),
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
        any_field=joint(SECRET_PATENTS, config.screening.cutoffs),
        any_technology=joint(K_PROGRAM, None),
    )


def _of_unknown_writers(labels: Sequence[str], config: CalibrationConfig) -> npt.NDArray[np.intp]:
    """Return the positions of the labels that are calibrated as on unknown writers."""
    return np.flatnonzero([calibration_group(label) in config.unknown_writers for label in labels])


def _with_known(
    found: tuple[Calibration, Thresholds],
    known: tuple[Calibration, Thresholds],
    columns: npt.NDArray[np.intp],
) -> tuple[Calibration, Thresholds]:
    """Return calibration and cut-offs as ``found``, with those ``known`` for some labels."""
    chosen = np.zeros(found[0].slope.shape[1], dtype=bool)
    chosen[columns] = True

    def joined(one: object, other: object, *names: str) -> dict[str, Any]:
        return {name: np.where(chosen, getattr(other, name), getattr(one, name)) for name in names}

    companions = [
        *(one for one in found[1].companions if not chosen[one.columns[0]]),
        *(one for one in known[1].companions if chosen[one.columns[0]]),
    ]
    return (
        Calibration(**joined(found[0], known[0], "slope", "offset", "fitted")),
        Thresholds(
            **joined(found[1], known[1], "assigned", "possible"), companions=tuple(companions)
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
