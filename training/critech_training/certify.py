"""Recall certificates: what a cut-off was shown to find, on labelled texts nobody fitted on.

A certificate is an exact one-sided Clopper-Pearson bound on recall. Where a cut-off is chosen on
the same texts, fixed-sequence testing keeps the guarantee: cut-offs of a grid that was fixed before
are tested from the lowest up, each at full level, and the last one before the first failure is
taken (Maurer, Hothorn and Lehmacher 1995).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from critech.classifier import Classifier
from critech.errors import InputError
from critech.scorer import Scored
from critech.screening.model import (
    OVERALL,
    CertificateEntry,
    ScreeningModel,
    binomial_tail,
    lower_bound,
    upper_bound,
)
from critech_labels import Taxonomy
from critech_labels.matcher import SECRET_PATENTS
from critech_labels.texts import LANGUAGES
from critech_training.corpus import POSITIVE, strengths
from critech_training.evaluate import GoldText, score_gold
from critech_training.metrics import group_numbers
from critech_training.screening_fit import positions_of

CONFIDENCE = 0.95
CHOSEN = "fixed-sequence testing"
ALL = "all"
# cut-offs as log-odds, fixed before any data is seen: 0.001 to 0.9 in equal steps
GRID = tuple(
    round(1 / (1 + math.exp(-logit)), 6)
    for logit in np.linspace(math.log(0.001 / 0.999), math.log(0.9 / 0.1), 37)
)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibrating:
    """Scores of a calibration set on the 25 fields: float64 [n_texts, n_fields], strengths int8 of
    the same shape, language row (0 English, 1 Japanese, -1 neither), what is one sample (a text
    and its translation have the same number) and how many texts are out of distribution."""

    scores: FloatArray
    strengths: npt.NDArray[np.int8]
    language_rows: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    n_out_of_distribution: int

    @property
    def in_a_field(self) -> npt.NDArray[np.bool_]:
        """Which texts are clearly in any field."""
        mask: npt.NDArray[np.bool_] = (self.strengths == POSITIVE).any(axis=1)
        return mask


@dataclass(frozen=True)
class Budget:
    """What ``reviews`` of ``n_pool`` texts of a stream buy: ``found`` of the ``positives`` of the
    calibration set rank as high as the last text reviewed, with an exact two-sided 95 % interval
    of the recall."""

    reviews: int
    n_pool: int
    positives: int
    found: int
    interval: tuple[float, float]


def measure(classifier: Classifier, texts: Sequence[GoldText]) -> Calibrating:
    """Return what a bundle makes of labelled texts, as text alone. Texts without any label count
    as negatives."""
    scored = score_gold(classifier, texts)
    order = classifier.bundle.labels
    fields = positions_of(order, SECRET_PATENTS)
    return Calibrating(
        scores=np.stack([one.scores[fields] for one in scored]).astype(np.float64),
        strengths=strengths([text.labels for text in texts], order)[:, fields],
        language_rows=np.array([_language_row(one) for one in scored]),
        groups=group_numbers([text.group for text in texts]),
        n_out_of_distribution=sum(one.out_of_distribution for one in scored),
    )


def _language_row(scored: Scored) -> int:
    """Return the row of the cut-offs that a filing of this text is screened by, -1 for a text in
    neither language."""
    return LANGUAGES.index(scored.language) if scored.language in LANGUAGES else -1


def certify(
    data: Calibrating,
    taxonomy: Taxonomy,
    model: ScreeningModel,
    target_recall: float,
    chosen_on: str | None,
) -> tuple[ScreeningModel, list[CertificateEntry]]:
    """Return the screening model with its cut-offs and the entries. With the digest of the
    calibration set as ``chosen_on`` the cut-offs are chosen anew, and their rule names it.

    Chosen cut-offs are one per language for all fields, at which filings are found by a field of
    their own with the target recall, and lower ones for single labels that have enough positives
    for a certificate of their own. Without enough positives the old cut-off stands, uncertified.
    The two languages share the error of the entry over both, so each is tested at half of it. For
    a cut-off chosen on these very texts no more than the target is claimed as bound.
    """
    cutoffs: dict[str, dict[str, float]] = {
        language: dict(model.cutoffs[language]) for language in LANGUAGES
    }
    changed = []
    if chosen_on is not None:
        for row, language in enumerate(LANGUAGES):
            here = data.language_rows == row
            own_scores = np.where(data.strengths == POSITIVE, data.scores, -np.inf)
            best = own_scores[here & data.in_a_field].max(axis=1)
            common = fixed_sequence(best, target_recall, 1 - (1 - CONFIDENCE) / len(LANGUAGES))
            for at, label in enumerate(taxonomy.labels):
                own = data.scores[here & (data.strengths[:, at] == POSITIVE), at]
                single = fixed_sequence(own, target_recall, CONFIDENCE)
                found = [cut for cut in (common, single) if cut is not None]
                if found:
                    cutoffs[language][label.code] = min(found)
                    changed.append(language)
    cuts = _cut_matrix(data, taxonomy, cutoffs)
    entries = [*_overall(data, cuts, target_recall), *_single(data, taxonomy, cuts, target_recall)]
    rule = model.cutoff_rule
    if changed:
        entries = [
            dataclasses.replace(one, lower_bound=min(one.lower_bound, target_recall))
            for one in entries
        ]
        rule = f"{CHOSEN} for a recall of {target_recall} on {chosen_on}"
        kept = [language for language in LANGUAGES if language not in changed]
        if kept:
            rule += f"; for {kept[0]}: {model.cutoff_rule}"
    return ScreeningModel(model.fusion, cutoffs, rule, model.certificate), entries


def fixed_sequence(positive_scores: FloatArray, target: float, confidence: float) -> float | None:
    """Return the highest cut-off of ``GRID`` that fixed-sequence testing allows at the target
    recall, or None when even the lowest one cannot be certified."""
    allowed = None
    for cutoff in GRID:
        found = int((positive_scores >= cutoff).sum())
        if binomial_tail(found, len(positive_scores), target) > 1 - confidence:
            break
        allowed = cutoff
    return allowed


def entry(
    about: tuple[str, str, float | None], found: int, positives: int, target: float
) -> CertificateEntry:
    """Return the certificate entry of a label, language and cut-off that found ``found`` of
    ``positives``."""
    label, language, threshold = about
    bound = lower_bound(found, positives, CONFIDENCE)
    certified = bound >= target
    return CertificateEntry(
        label=label,
        language=language,
        threshold=threshold,
        positives=positives,
        misses=positives - found,
        lower_bound=math.floor(bound * 1e6) / 1e6,
        status="certified" if certified else "no_certificate",
        needed=0 if certified else positives_needed(positives, positives - found, target),
    )


def positives_needed(positives: int, misses: int, target: float) -> int:
    """Return how many more positives, all found, would certify the target recall: 59 in all for
    0.95 without a miss, 299 for 0.99."""

    def shown(n: int) -> bool:
        return binomial_tail(n - misses, n, target) <= 1 - CONFIDENCE

    low, high = positives, 2 * positives + 2
    while not shown(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high - positives


def _cut_matrix(
    data: Calibrating, taxonomy: Taxonomy, cutoffs: Mapping[str, Mapping[str, float]]
) -> FloatArray:
    """Return the cut-off of every text and field, float64 [n_texts, n_fields]."""
    by_row = np.array(
        [[cutoffs[lang][label.code] for label in taxonomy.labels] for lang in LANGUAGES]
    )
    return np.asarray(by_row[np.maximum(data.language_rows, 0)], dtype=np.float64)


def _overall(data: Calibrating, cuts: FloatArray, target: float) -> list[CertificateEntry]:
    """Return the entries for a filing in any field: it is found when a field of its own is
    flagged.

    Over both languages a text and its translation are one trial, found when both are; and what
    one language lacks the other cannot certify.
    """
    missed = ~((data.scores >= cuts) & (data.strengths == POSITIVE)).any(axis=1)
    rows = {name: data.in_a_field & _in_language(data, name) for name in (ALL, *LANGUAGES)}
    by_language = [
        entry((OVERALL, name, None), int((here & ~missed).sum()), int(here.sum()), target)
        for name, here in rows.items()
        if name != ALL
    ]
    trials = np.unique(data.groups[rows[ALL]])
    lost = np.unique(data.groups[rows[ALL] & missed])
    both = entry((OVERALL, ALL, None), len(trials) - len(lost), len(trials), target)
    lacking = max(one.needed for one in by_language)
    if lacking:
        both = dataclasses.replace(both, status="no_certificate", needed=max(both.needed, lacking))
    return [both, *by_language]


def _single(
    data: Calibrating, taxonomy: Taxonomy, cuts: FloatArray, target: float
) -> list[CertificateEntry]:
    entries = []
    for at, label in enumerate(taxonomy.labels):
        found = data.scores[:, at] >= cuts[:, at]
        for language in LANGUAGES:
            here = _in_language(data, language)
            rows = here & (data.strengths[:, at] == POSITIVE)
            cut = float(cuts[here, at][0]) if here.any() else None
            entries.append(
                entry((label.id, language, cut), int(found[rows].sum()), int(rows.sum()), target)
            )
    return entries


def _in_language(data: Calibrating, language: str) -> npt.NDArray[np.bool_]:
    if language == ALL:
        return np.greater_equal(data.language_rows, 0)
    return np.equal(data.language_rows, LANGUAGES.index(language))


def budget(
    data: Calibrating, pool: Calibrating, taxonomy: Taxonomy, model: ScreeningModel, reviews: int
) -> Budget:
    """Return what a number of reviews of a pool buys when texts are read by their best field first,
    measured by how far its log-odds are above the cut-off. The pool stands for the stream that the
    reviews are taken from; its labels are not looked at."""
    if not 1 <= reviews <= len(pool.scores):
        raise InputError("--budget", f"must be 1 to {len(pool.scores)}, the texts of the pool")
    last = np.sort(_above(pool, taxonomy, model))[-reviews]
    positives = int(data.in_a_field.sum())
    found = int((_above(data, taxonomy, model)[data.in_a_field] >= last).sum())
    side = 1 - (1 - CONFIDENCE) / 2
    interval = (lower_bound(found, positives, side), upper_bound(found, positives, side))
    return Budget(reviews, len(pool.scores), positives, found, interval)


def _above(data: Calibrating, taxonomy: Taxonomy, model: ScreeningModel) -> FloatArray:
    """Return how far the best field of each text is above its cut-off, float64 [n_texts]."""
    gaps = _logit(data.scores) - _logit(_cut_matrix(data, taxonomy, model.cutoffs))
    return np.asarray(gaps.max(axis=1), dtype=np.float64)


def _logit(p: FloatArray) -> FloatArray:
    held = np.clip(p, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(held / (1 - held)))


def fields_of(classifier: Classifier) -> Taxonomy:
    """Return the taxonomy of the 25 fields as a bundle holds it."""
    return classifier.taxonomies[SECRET_PATENTS]
