"""The model card that travels in a bundle: written from the manifest and the held-out report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from critech_training.base_weights import PACKED_BASE
from critech_training.evaluate import markdown_table

CARD = """# critech bundle

Maps a patent abstract or a product description, in English or Japanese, onto four government
lists of critical technologies, with a calibrated score and a decision for each label. Text whose
words are mostly unknown is marked `out_of_distribution` and assigned nothing.

## Intended use

Screening and sorting by people: which filings or products deserve a closer look under which label.
Not a determination of any legal status. The absence of a label is not clearance.

## Model

Encoder: {base}, its upper layers fine-tuned{teacher}, exported to ONNX
({stored}).
Heads: two logistic regressions per label, one over the dense vector and one over TF-IDF of tokens,
fitted apart, their margins added. Scores: Platt scaling per label and language on texts that
neither encoder nor heads were fitted on, negatives weighted to stated base rates: scores are meant
for a stream of texts of which a label fits, on average, this share: {base_rates}.

## Data

{n_texts} texts ({n_en} English, {n_ja} Japanese), digest `{corpus_digest}`. {n_held_out} of them
are held out for calibration, thresholds and the table below. The encoder was fine-tuned on
{n_tuned} of the others (corpus digest at that time `{tuned_digest}`), the heads on all of them.
{origin}

## Held-out figures

{n_held_out} held-out texts of the same corpus, written by the same hands: these figures show how
well the bundle does on text like its training text, **not** on real patents, and the thresholds
and the calibration were chosen on this very part, and so were the settings of the heads. 95 %
bootstrap intervals in brackets; mean average precision over labels with at least
{min_positives} positives.

{table}

Figures on real patents stand in `docs/model-card.md` of the project, with their command.

## Known limits

- Written examples differ from real filings: expect lower precision on ordinary patents.
- Labels with few examples are calibrated by their taxonomy's common fit (`calibrated: false`).
- Only scripts are told apart: a text in another script is answered with a warning, one in another
  language of Latin letters is read as English. No claim is made for either.
- Very short texts (a title alone) get scores that mean little. Everyday prose in good English or
  Japanese is not told apart from technical text by its words; it rarely reaches a cut-off.
"""

OWN_CORPUS = """Version {corpus_version} of the corpus that was written for this project, none of it
copied or made by template. The labels were given by the writers of the texts and, blind, by a
second reader, disputes settled or left out, all of them language models under one annotation
manual; the data sheet of the corpus has their agreement. They are not determinations by any
authority."""
OTHER_CORPUS = """It is not the corpus of the project: whoever trained this bundle knows where its
texts and labels come from, and its labels are those of the project's lists."""
PACKED = "int8 weights, 4-bit token embeddings, vocabulary reduced to English and Japanese"
UNPACKED = "int8 weights, token embeddings in half precision"

CORRECTIONS = """
## Corrections

Made from bundle {base_version} (`{base_digest}`) and {used} reviewers' corrections: the heads
were fitted on {fit} of their texts besides the corpus, {held_out} were held out to compare the two
bundles. The encoder is that of the base. No text of theirs is in this bundle, but its weights
depend on them: **it is as confidential as those texts are**.
"""


def model_card(training: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Return the card in Markdown."""
    n_texts, encoder = training["n_texts"], training["encoder"]
    origin = OTHER_CORPUS if training["corpus_version"] is None else OWN_CORPUS
    card = CARD.format(
        base=training["base"],
        teacher=" with an English teacher" if "teacher_weight" in encoder["config"] else "",
        base_rates=", ".join(
            f"`{group}` {rate:.1%}"
            for group, rate in training["config"]["calibration"]["base_rates"].items()
        ),
        n_texts=n_texts["fit"] + n_texts["held_out"],
        n_en=n_texts["en"],
        n_ja=n_texts["ja"],
        n_held_out=n_texts["held_out"],
        n_tuned=encoder["n_texts"],
        tuned_digest=encoder["corpus_digest"],
        stored=PACKED if PACKED_BASE in training["base"] else UNPACKED,
        origin=origin.format(corpus_version=training["corpus_version"]),
        corpus_digest=training["corpus_digest"],
        min_positives=next(iter(report["taxonomies"].values()))["min_positives"],
        table=markdown_table(report),
    )
    made = training.get("corrections")
    if made is None:
        return card
    return card + CORRECTIONS.format(
        base_version=made["base"]["version"],
        base_digest=made["base"]["digest"],
        used=made["used"],
        **made["texts"],
    )
