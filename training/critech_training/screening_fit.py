"""What screening needs from training: fusion of rule and text, cut-offs for review, examples.

Held-out texts carry no IPC symbols, so filings are made of them: symbols as an office would give
them, drawn from the order's items for the fields a text is in, or wrong ones. The share of wrong
ones is an assumption and stands in ``FusionConfig`` (docs/decisions/0009).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from critech.examples import EXCERPT_CHARACTERS, Example, ExampleIndex, build_examples
from critech.heads import LANGUAGE_ROW, FloatArray, Heads
from critech.screening.any_field import AnyField, at_least_one
from critech.screening.model import Fusion, ScreeningModel, log_odds
from critech.screening.verdict import Rule
from critech.text import compose_document
from critech_labels import Label, Taxonomy, match_fields
from critech_training.corpus import ARGUABLE, PLAIN, POSITIVE, Record
from critech_training.fit import Strengths, negative_weight

ORDINARY_SYMBOLS = (
    "A47B88/40", "A61K8/34", "B65D81/32", "C08L23/06", "D06F39/00", "E04B1/80", "F16H57/04",
    "G06Q10/08", "H02J7/00", "H04N23/60", "G01N21/64", "B60K1/04",
)  # fmt: skip
JOINT_C = 1e3  # two weights on thousands of texts: hardly regularised
HIGHEST_FLAG = 0.5  # more likely than not in the list
FITTED_RULES: tuple[Rule, ...] = ("exact", "subgroup", "none")
# offsets of FITTED_RULES from steps: none, what a sub-group adds, what an exact match adds to that
RISING = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


@dataclass(frozen=True)
class FusionConfig:
    """Assumptions of the fusion: of the filings with symbols a share has wrong ones, and of the
    right ones a share is a sub-group of the symbol that the order lists."""

    wrong_share: float = 0.15
    subgroup_share: float = 0.15
    base_rate: float = 0.004
    draws: int = 4
    prior_variance: float = 9.0
    seed: int = 12


@dataclass(frozen=True)
class CutoffConfig:
    """Rule for the cut-offs of screening: per language, the highest one at which ``recall`` of the
    held-out positives of all fields is kept, but high enough that at most ``plain_share`` of the
    held-out plain texts reach it in some field, and never below ``lowest``."""

    recall: float = 0.97
    plain_share: float = 0.05
    lowest: float = 0.01


@dataclass(frozen=True)
class ScreeningConfig:
    """Settings of what a bundle holds for screening. ``any_base_rate`` is the share of texts taken
    to be in some field where a bundle is used: 25 times the base rate of one, and 50 times that of
    a K-Program technology. ``flags`` are, for the lists in which all labels together decide which
    texts have some label ``possible``, the rules for the joint probability
    (docs/decisions/0026)."""

    fusion: FusionConfig = field(default_factory=FusionConfig)
    cutoffs: CutoffConfig = field(default_factory=CutoffConfig)
    any_base_rate: float = 0.1
    flags: Mapping[str, CutoffConfig] = field(
        default_factory=lambda: {
            "jp-secret-patent-25": CutoffConfig(recall=0.98),
            "jp-kprogram-50": CutoffConfig(recall=0.95),
        }
    )


def fit_screening(
    records: Sequence[Record],
    scores: FloatArray,
    strengths: Strengths,
    taxonomy: Taxonomy,
    config: ScreeningConfig,
) -> ScreeningModel:
    """Return fusion and cut-offs fitted on held-out texts with scores float32 and strengths int8,
    both [n_texts, n_fields]."""
    found: dict[str, dict[str, float]] = {}
    for language, texts, plain in _by_language(records):
        cutoff = _cutoff(
            scores[texts][strengths[texts] == POSITIVE], scores[plain].max(axis=1), config.cutoffs
        )
        found[language] = {label.code: cutoff for label in taxonomy.labels}
    return ScreeningModel(
        fusion=fit_fusion(records, scores, strengths, taxonomy, config.fusion),
        cutoffs=found,
        cutoff_rule=_cutoff_rule("the held-out positives of all fields", config.cutoffs),
    )


def any_field_strengths(strengths: Strengths) -> Strengths:
    """Return for each text of strengths int8 [n_texts, n_fields] that of being in any field, its
    strongest, int8 [n_texts, 1]."""
    strongest: Strengths = strengths.max(axis=1, keepdims=True)
    return strongest


def fit_any_field(
    head: Heads,
    margins: FloatArray,
    records: Sequence[Record],
    scores: FloatArray,
    strengths: Strengths,
    *,
    base_rate: float,
    cutoffs: CutoffConfig | None = None,
    flags: CutoffConfig | None = None,
) -> AnyField | None:
    """Return the head for all fields together, or all labels of another list, with the weights and
    what cut-offs there is a rule for, fitted on held-out texts: its margins float32 [n_texts], the
    fields' scores float32 and strengths int8, both [n_texts, n_fields]. None when the held-out
    texts are all of one kind."""
    y = any_field_strengths(strengths)[:, 0]
    used = y != ARGUABLE
    positive = y[used] == POSITIVE
    if positive.all() or not positive.any():
        return None
    features = np.stack([at_least_one(scores), margins.astype(np.float64)], axis=1)
    weights = np.where(positive, 1.0, negative_weight(positive, base_rate))
    model = LogisticRegression(C=JOINT_C).fit(features[used], positive, weights)
    fitted = AnyField(
        dense=head.dense[0],
        lexical=head.lexical[:, 0],
        intercept=float(head.intercept[0]),
        offset=float(model.intercept_[0]),
        fields=float(model.coef_[0, 0]),
        margin=float(model.coef_[0, 1]),
        cutoffs={},
        cutoff_rule=_cutoff_rule("the held-out texts in any field", cutoffs) if cutoffs else "",
    )
    pairs = zip(scores, margins.tolist(), strict=True)
    joint = np.array([fitted.probability(one, margin) for one, margin in pairs], dtype=np.float32)
    parts = [
        (language, joint[texts][y[texts] == POSITIVE], joint[plain])
        for language, texts, plain in _by_language(records)
    ]

    def chosen(rule: CutoffConfig | None) -> dict[str, float]:
        return (
            {} if rule is None else {name: _cutoff(own, plain, rule) for name, own, plain in parts}
        )

    found = {name: min(flag, HIGHEST_FLAG) for name, flag in chosen(flags).items()}
    # a language without a held-out positive has nothing to choose by, and takes the other one's
    has = [name for name, own, _ in parts if len(own)]
    found = {name: found[name if name in has else has[0]] for name in found}
    return replace(fitted, cutoffs=chosen(cutoffs), flags=found or None)


def _by_language(records: Sequence[Record]) -> Iterator[tuple[str, list[int], list[int]]]:
    """Yield for each language the rows of its texts, and of the plain ones among them."""
    for language, row in (("en", 0), ("ja", 1)):
        texts = [i for i, r in enumerate(records) if LANGUAGE_ROW[r.language] == row]
        yield language, texts, [i for i in texts if records[i].kind == PLAIN]


def _cutoff_rule(what: str, config: CutoffConfig) -> str:
    return (
        f"highest score that keeps {config.recall:.0%} of {what}, per language, but at most "
        f"{config.plain_share:.0%} of the held-out plain texts, and at least {config.lowest}"
    )


def _cutoff(positive: FloatArray, plain: FloatArray, config: CutoffConfig) -> float:
    """Return the cut-off for scores of positive pairs and the best score of each plain text."""
    reach = np.quantile(positive, 1 - config.recall, method="lower") if len(positive) else 0.0
    reach = np.floor(float(reach) * 1e6) / 1e6  # a positive that is kept must not fall below it
    allowed = int(len(plain) * config.plain_share)
    first_refused = np.sort(plain)[::-1][allowed] if len(plain) else 0.0
    just_above = np.ceil(first_refused * 1e6 + 1e-3) / 1e6
    return float(max(reach, just_above, config.lowest))


def fit_fusion(
    records: Sequence[Record],
    scores: FloatArray,
    strengths: Strengths,
    taxonomy: Taxonomy,
    config: FusionConfig,
) -> Fusion | None:
    """Return the fusion fitted on filings made of held-out texts, or None without positives."""
    rng = random.Random(config.seed)
    logits: list[float] = []
    kinds: list[int] = []
    target: list[bool] = []
    for record, text_scores, found in zip(records, scores, strengths, strict=True):
        for _ in range(config.draws):
            rules = _drawn_rules(record, taxonomy, rng, config)
            for at, label in enumerate(taxonomy.labels):
                if found[at] != ARGUABLE:
                    rule = rules.get(label.code, "none")
                    logits.append(log_odds(float(text_scores[at])))
                    kinds.append(FITTED_RULES.index(rule))
                    target.append(bool(found[at] == POSITIVE))
    y = np.array(target)
    if not y.any():
        return None
    weight = np.where(y, 1.0, negative_weight(y, config.base_rate))
    offsets = _fit_offsets(np.array(logits), np.array(kinds), y, weight, config)
    return Fusion(
        offsets={rule: round(b, 4) for rule, b in zip(FITTED_RULES, offsets, strict=True)},
        fitted_on={
            "texts": len(records),
            "filings": len(records) * config.draws,
            "positive_pairs": int(y.sum()),
            "assumptions": asdict(config),
        },
    )


def _fit_offsets(
    logits: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.int64],
    y: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64],
    config: FusionConfig,
) -> list[float]:
    """Return what each way of meeting a rule adds to the text's log-odds: weighted maximum
    likelihood under a Gaussian prior around zero. The log-odds themselves keep the weight 1, since
    they are calibrated; held-out texts of the corpus part so well that a fitted weight would trust
    text beyond what it earns elsewhere. They rise from no symbol over a sub-group to an exact
    match, whatever few drawn sub-groups say."""
    one_hot = np.eye(len(FITTED_RULES))[kinds]

    def loss(steps: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        offsets = RISING @ steps
        z = logits + one_hot @ offsets
        p = 0.5 * (1 + np.tanh(z / 2))
        value = np.sum(weight * (np.logaddexp(0, z) - y * z))
        prior = offsets / config.prior_variance
        gradient = one_hot.T @ (weight * (p - y)) + prior
        return float(value + 0.5 * np.sum(prior * offsets)), RISING.T @ gradient

    start = np.zeros(len(FITTED_RULES))
    bounds = [(None, None), (0.0, None), (0.0, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return [float(value) for value in RISING @ found.x]


def _drawn_rules(
    record: Record, taxonomy: Taxonomy, rng: random.Random, config: FusionConfig
) -> dict[str, Rule]:
    """Return how drawn symbols meet the fields: right ones, or, with ``wrong_share``, ordinary ones
    for a text that is in a field and those of some field for a text that is in none."""
    own = [label for label in taxonomy.labels if record.labels.get(label.id) == POSITIVE]
    wrong = rng.random() < config.wrong_share
    fields = [rng.choice(taxonomy.labels)] if wrong and not own else [] if wrong else own
    symbols = [rng.choice(ORDINARY_SYMBOLS)]
    for label in fields:
        symbols += draw_symbols(label, rng, config.subgroup_share)
    return {field.code: field.match for field in match_fields(symbols, taxonomy=taxonomy).fields}


def draw_symbols(label: Label, rng: random.Random, subgroup_share: float) -> list[str]:
    """Return symbols that meet one item of a field: one listed symbol for each of its parts, some
    of them as a sub-group."""
    rule = rng.choice(label.ipc_rules)
    below = rng.random() < subgroup_share
    return [_specific(rng.choice(part), below) for part in rule.all_of]


def _specific(listed: str, below: bool) -> str:
    """Return a full symbol under a listed class, subclass or main group; a listed symbol with a
    stroke as it is, or with one more digit."""
    if "/" in listed:
        return f"{listed}5" if below else listed
    if len(listed) == 3:
        return f"{listed}{'A' if listed != 'B64' else 'C'}1/00"
    return f"{listed}1/00" if len(listed) == 4 else f"{listed}/00"


def example_index(
    records: Sequence[Record],
    vectors: FloatArray,
    center: FloatArray,
    strengths: npt.NDArray[np.int8],
) -> ExampleIndex:
    """Return the training texts with a clear positive, for evidence."""
    examples = [
        Example(
            record.id,
            record.language,
            compose_document(record.title, record.text)[:EXCERPT_CHARACTERS],
        )
        for record in records
    ]
    return build_examples(examples, vectors, center, strengths == POSITIVE)


def positions_of(labels: Sequence[str], taxonomy: str) -> list[int]:
    """Return the positions of a taxonomy's labels in label order."""
    return [i for i, label in enumerate(labels) if label.startswith(f"{taxonomy}:")]
