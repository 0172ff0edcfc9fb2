"""Plain methods that a bundle has to beat, measured on the same texts in the same table.

Each gives one raw value per text and label. Calibration and thresholds are fitted on the held-out
part of the corpus exactly as for a bundle, so that only the ranking differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from critech.decision import decide_all
from critech.heads import LANGUAGE_ROW
from critech.text import compose_document
from critech_labels import Label, Taxonomy
from critech_labels.taxonomy import label_order, parent_positions
from critech_training.base_weights import PACKED_BASE
from critech_training.corpus import ARGUABLE, POSITIVE, Record, strengths
from critech_training.evaluate import (
    GoldText,
    decided_slice,
    summaries,
    taxonomy_slices,
    text_language,
)
from critech_training.external_baselines import annif_ensemble, annif_tfidf, setfit
from critech_training.fit import (
    CalibrationConfig,
    calibrate,
    calibrated_scores,
)

FloatArray = npt.NDArray[np.float32]
Texts = Sequence[str]
Method = Callable[[Sequence[Taxonomy], Sequence[Record], Sequence[Texts]], list[FloatArray]]


def keyword_rules(
    taxonomies: Sequence[Taxonomy], fit_part: Sequence[Record], parts: Sequence[Texts]
) -> list[FloatArray]:
    """Return for each part the number of a label's key terms, aliases and titles that occur in a
    text, each counted once. Nothing is learned."""
    patterns = [_term_pattern(label) for t in taxonomies for label in t.labels]
    return [
        np.array([[len(set(p.findall(text.lower()))) for p in patterns] for text in texts])
        .astype(np.float32)
        .reshape(len(texts), len(patterns))
        for texts in parts
    ]


def _term_pattern(label: Label) -> re.Pattern[str]:
    """Return what matches a label's terms: English ones as whole words, Japanese ones anywhere."""
    english = {label.title.en, *label.terms.en, *label.aliases.en}
    japanese = {label.title.ja, *label.terms.ja, *label.aliases.ja}
    found = [rf"\b{re.escape(term.lower())}(?:e?s)?\b" for term in english]
    found += [re.escape(term.lower()) for term in japanese]
    return re.compile("|".join(sorted(found, key=lambda term: (-len(term), term))))


def tfidf_logistic_regression(
    taxonomies: Sequence[Taxonomy], fit_part: Sequence[Record], parts: Sequence[Texts]
) -> list[FloatArray]:
    """Return margins of one logistic regression per label on TF-IDF of words (1 and 2) and
    characters (2 to 4), fitted on the same texts as the bundle."""
    features = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)),
            (
                "characters",
                TfidfVectorizer(
                    analyzer="char", ngram_range=(2, 4), min_df=4, sublinear_tf=True,
                    max_features=200_000,
                ),
            ),
        ]
    )  # fmt: skip
    X = features.fit_transform([compose_document(r.title, r.text) for r in fit_part])
    y = strengths([record.labels for record in fit_part], label_order(taxonomies))
    others = [features.transform(texts) for texts in parts]
    columns = Parallel(n_jobs=2)(
        delayed(_regression_margins)(X, y[:, j], others) for j in range(y.shape[1])
    )
    return [np.stack([column[i] for column in columns], axis=1) for i in range(len(parts))]


def _regression_margins(
    X: Any, labels: npt.NDArray[np.int8], others: Sequence[Any]
) -> list[FloatArray]:
    usable = np.flatnonzero(labels != ARGUABLE)
    positive = labels[usable] == POSITIVE
    if positive.sum() < 2:
        return [np.full(other.shape[0], -9.0, dtype=np.float32) for other in others]
    model = LogisticRegression(
        C=30.0, class_weight="balanced", solver="liblinear", dual=True, random_state=0, max_iter=500
    ).fit(X[usable], positive)
    return [model.decision_function(other).astype(np.float32) for other in others]


def label_similarity(
    taxonomies: Sequence[Taxonomy], fit_part: Sequence[Record], parts: Sequence[Texts]
) -> list[FloatArray]:
    """Return cosines between a text and a label's title and definition, in the frozen base
    encoder's space, centred, the language closer to the text taken. Nothing is learned."""
    from critech_training.torch_encoder import embed, load_base

    encoder = load_base(PACKED_BASE)
    labels = [label for t in taxonomies for label in t.labels]
    names = [
        embed(encoder, [f"{getattr(x.title, lang)}. {getattr(x.definition, lang)}" for x in labels])
        for lang in ("en", "ja")
    ]
    vectors = [embed(encoder, texts) for texts in parts]
    center = vectors[0].mean(axis=0)
    return [
        np.maximum(*(_unit(part - center) @ _unit(name - name.mean(axis=0)).T for name in names))
        for part in vectors
    ]


def _unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


METHODS: Mapping[str, Method] = {
    "keyword-rules": keyword_rules,
    "tfidf-logistic-regression": tfidf_logistic_regression,
    "label-similarity": label_similarity,
    "setfit": setfit,
    "annif-tfidf": annif_tfidf,
    "annif-ensemble": annif_ensemble,
}
BUILT_IN = ("keyword-rules", "tfidf-logistic-regression", "label-similarity")


def evaluate_baseline(
    method: Method,
    taxonomies: Sequence[Taxonomy],
    fit_part: Sequence[Record],
    held_out: Sequence[Record],
    texts: Sequence[GoldText],
    *,
    min_positives: int = 3,
) -> dict[str, Any]:
    """Return the metrics of a method on labelled texts, per taxonomy, as for a bundle."""
    order = label_order(taxonomies)
    parts = [
        [compose_document(r.title, r.text) for r in held_out],
        [compose_document(t.title, t.text) for t in texts],
    ]
    z_held, z = method(taxonomies, fit_part, parts)
    languages = [record.language for record in held_out]
    y_held = strengths([record.labels for record in held_out], order)
    calibration, thresholds = calibrate(z_held, y_held, languages, taxonomies, CalibrationConfig())
    parents = parent_positions(taxonomies)
    found = [text_language(t.language, c) for t, c in zip(texts, parts[1], strict=True)]
    scores = calibrated_scores(calibration, z, found, parents)
    decisions = [
        decide_all(row, thresholds, LANGUAGE_ROW[language], parents)
        for row, language in zip(scores, found, strict=True)
    ]
    y = strengths([text.labels for text in texts], order)
    whole = decided_slice(scores, y, decisions, [text.group for text in texts])
    return summaries(taxonomy_slices(whole, taxonomies, order)[0], min_positives)
