"""A bundle made from another one and reviewers' corrections: ``critech train --extra``.

The encoder stays as it is, byte for byte. Heads, calibration, thresholds and screening are fitted
again on the corpus, by the rules that the base was made by; the corrections' texts take part in
heads alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from critech.bundle import STUDENT, Bundle, BundleContent, read_bundle, write_bundle
from critech.bundle.reading import read_file
from critech.corrections import Correction
from critech.encoder import OnnxEncoder
from critech.errors import InputError
from critech.text import compose_document
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.bundle_fit import (
    FitConfig,
    Identity,
    Known,
    fit_content,
    held_out_metrics,
    provenance,
)
from critech_training.corpus import Record, split, strengths
from critech_training.embedding import Part
from critech_training.evaluate import taxonomy_slices
from critech_training.extra import ExtraTexts, extra_strengths, extra_texts
from critech_training.gate import Row, negative_rows, recall_rows, summary, wrong_rows
from critech_training.judged import JudgedTexts
from critech_training.measured import score_vectors
from critech_training.model_card import model_card
from critech_training.settle import JudgedDocument, Outcome
from critech_training.vector_cache import embed_cached, encoder_digest

LATER_RULES: Mapping[str, Any] = {"unknown_writers": (), "companions": {}}
LATER_SCREENING: Mapping[str, Any] = {"flags": {}}


@dataclass(frozen=True)
class Given:
    """What a bundle is made again from: ``corpus`` and the ``measuring`` texts beside it, the
    corrections with their keyed digest, the base bundle and the folder where vectors are kept."""

    base: Bundle
    corpus: Sequence[Record]
    measuring: Sequence[Record]
    corrections: Sequence[Correction]
    digest: str | None = None
    version: str | None = None
    cache: Path | None = None
    config: FitConfig = field(default_factory=FitConfig)


@dataclass(frozen=True)
class Refitted:
    """The new bundle's content, what became of the corrections, the comparison with the base, and
    the report on the held-out part of the corpus."""

    content: BundleContent
    extra: ExtraTexts
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """True when the bundle may be shipped."""
        return all(row.passed for row in self.rows)


def check_base(base: Bundle, labels: Sequence[str]) -> None:
    """Raise InputError for a bundle that cannot be made again: other labels, or itself made with
    corrections. The gate would else compare with a bundle that has already lost something."""
    if base.labels != tuple(labels):
        raise InputError("--base", "has other labels than this version of critech")
    training = base.manifest.get("training", {})
    if not {"base", "encoder"} <= training.keys():
        raise InputError("--base", "does not say how it was trained")
    if "corrections" in training:
        digest = training["corrections"]["base"]["digest"]
        raise InputError(
            "--base",
            f"was itself made with corrections; give the bundle that it was made from ({digest}) "
            "and all corrections",
        )


def keyed_digest(paths: Sequence[Path], key: bytes) -> str:
    """Return the HMAC-SHA-256 over the digests of files, in their order. Without the key, nobody
    can test a guess at what is in them."""
    parts = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    message = b"critech-corrections-1\n" + b"".join(parts)
    return "hmac-sha256:" + hmac.new(key, message, hashlib.sha256).hexdigest()


def refit(given: Given) -> Refitted:
    """Return the bundle that the corrections make of the base, and how it compares.

    Raise InputError when nothing is left to fit on, or the base cannot be made again.
    """
    taxonomies = list(given.base.taxonomies)
    labels = label_order(taxonomies)
    given = dataclasses.replace(given, config=_by_rules_of(given.base, given.config))
    check_base(given.base, label_order(load_taxonomies().values()))
    extra = extra_texts(given.corrections, taxonomies, given.corpus, given.measuring)
    if not extra.fit:
        raise InputError("--extra", "holds no text to fit on; " + _why(extra.outcomes))
    encoder = OnnxEncoder(
        given.base.encoder_bytes, given.base.tokenizer_bytes, given.base.encoder_config
    )
    parts = split(given.corpus)
    if not all(parts):
        raise InputError("--corpus", "is too small to be split")
    fit, held_out = _embedded(encoder, given, parts)
    judged = _judged(encoder, extra.fit, given)
    identity = _identity(given, parts, labels)
    content = fit_content(
        identity,
        fit,
        held_out,
        taxonomies,
        given.config,
        judged=judged,
        known=_known(given.base, identity.training),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(content, Path(folder) / "draft")
        new = read_bundle(Path(folder) / "draft")
    measured = _judged(encoder, extra.held_out, given) if extra.held_out else None
    rows, report = _compared(given.base, new, held_out, extra.held_out, measured)
    training = {**content.training, "corrections": _account(given, extra, rows)}
    if "student" in (made := given.base.manifest["training"]):
        training["student"] = made["student"]
    final = dataclasses.replace(
        content,
        training=training,
        metrics=report,
        model_card=model_card(training, report),
        student=_student_of(given.base),
    )
    return Refitted(final, extra, tuple(rows))


def _student_of(base: Bundle) -> bytes | None:
    """Return the student of the base, which stays as the encoder does."""
    return read_file(base, STUDENT) if STUDENT in base.manifest["files"] else None


def _why(outcomes: Mapping[Outcome, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in outcomes.items()) or "no correction is in it"


def _by_rules_of(base: Bundle, config: FitConfig) -> FitConfig:
    """Return the configuration without the rules that came after the base: the gate is to compare
    what corrections do, not what rules do."""
    made = base.manifest["training"].get("config", {})

    def without(part: str, later: Mapping[str, Any]) -> dict[str, Any]:
        return {name: none for name, none in later.items() if name not in made.get(part, {})}

    return dataclasses.replace(
        config,
        calibration=dataclasses.replace(config.calibration, **without("calibration", LATER_RULES)),
        screening=dataclasses.replace(config.screening, **without("screening", LATER_SCREENING)),
    )


def _known(base: Bundle, training: Mapping[str, Any]) -> Known | None:
    """Return what of the base need not be fitted again: nothing when its heads were fitted on other
    texts or by another configuration."""
    made = base.manifest["training"]
    before, now = (dict(one.get("config", {}).get("heads", {})) for one in (made, training))
    now.pop("judged_weight")
    before.pop("judged_weight", None)
    if made.get("corpus_digest") != training["corpus_digest"] or before != now:
        return None
    before, now = (_plain(one.get("config", {}).get("calibration")) for one in (made, training))
    return Known(base.heads, (base.calibration, base.thresholds) if before == now else None)


def _plain(config: object) -> Any:
    """Return a configuration as a manifest gives it back."""
    return json.loads(json.dumps(config))


def _embedded(
    encoder: OnnxEncoder, given: Given, parts: tuple[list[Record], list[Record]]
) -> tuple[Part, Part]:
    key = encoder_digest(given.base)
    vectors, tokens = embed_cached(encoder, key, given.corpus, given.cache, given.config.threads)
    whole = Part(given.corpus, vectors, tokens)
    at = {record.id: row for row, record in enumerate(given.corpus)}
    fit, held_out = (whole.take(np.array([at[one.id] for one in records])) for records in parts)
    return fit, held_out


def _judged(encoder: OnnxEncoder, documents: Sequence[JudgedDocument], given: Given) -> JudgedTexts:
    """Return documents as the fit takes them. Their vectors are kept nowhere."""
    found = [encoder.embed(compose_document(one.title, one.text)) for one in documents]
    return JudgedTexts(
        vectors=np.stack([one.vector for one in found]),
        tokens=[one.token_ids for one in found],
        strengths=extra_strengths(documents, given.base.taxonomies),
    )


def _identity(
    given: Given, parts: tuple[list[Record], list[Record]], labels: Sequence[str]
) -> Identity:
    base = given.base
    made = base.manifest["training"]
    local = f"{base.version}+local.{len(given.corrections)}"
    return Identity(
        name=base.name,
        version=given.version or local,
        encoder_config=base.encoder_config,
        encoder_bytes=base.encoder_bytes,
        tokenizer_bytes=base.tokenizer_bytes,
        training=provenance(made["base"], made["encoder"], parts, labels, given.config),
    )


def _compared(
    old: Bundle,
    new: Bundle,
    held_out: Part,
    documents: Sequence[JudgedDocument],
    judged: JudgedTexts | None,
) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows of the gate, and the new bundle's metrics on the held-out corpus."""
    labels = new.labels
    languages = [record.language for record in held_out.records]
    groups = [record.group for record in held_out.records]
    y = strengths([record.labels for record in held_out.records], labels)
    before, after = (
        score_vectors(bundle, held_out.vectors, held_out.tokens, languages, y, groups=groups)
        for bundle in (old, new)
    )
    kinds = [record.kind for record in held_out.records]
    rows = recall_rows("corpus", before, after, labels, languages)
    rows += negative_rows(before, after, labels, kinds)
    if judged is not None:
        spoken = [one.language for one in documents]
        keys = [one.key for one in documents]
        first, second = (
            score_vectors(
                bundle, judged.vectors, judged.tokens, spoken, judged.strengths, groups=keys
            )
            for bundle in (old, new)
        )
        rows += recall_rows("corrections", first, second, labels, spoken)
        rows += wrong_rows(first, second, labels, spoken)
    slices, _ = taxonomy_slices(after, new.taxonomies, labels)
    return rows, held_out_metrics(slices, languages)


def _account(given: Given, extra: ExtraTexts, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what the manifest says of the corrections: counts and figures; no text, no id, no
    name of a reviewer."""
    ignored = {name: n for name, n in extra.outcomes.items() if name != "used"}
    return {
        "base": {
            "name": given.base.name,
            "version": given.base.version,
            "digest": given.base.digest,
        },
        "read": len(given.corrections),
        "used": extra.outcomes.get("used", 0),
        "ignored": ignored,
        "texts": {"fit": len(extra.fit), "held_out": len(extra.held_out)},
        "digest": given.digest,
        "comparison": summary(rows),
    }
