"""What a bundle holds for screening: fusion of rule and text, cut-offs, recall certificate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from critech.screening.verdict import Rule

CertificateStatus = Literal["certified", "no_certificate"]
OVERALL = "any"
_EDGE = 1e-6


@dataclass(frozen=True)
class Fusion:
    """A logistic model over the text's log-odds and how the IPC rule is met.

    ``fused = logistic(logit(text score) + offsets[rule])``, with one offset each for
    ``exact``, ``subgroup`` and ``none``; what comes near an item counts as ``subgroup``. Without
    IPC symbols the text score stands as it is.
    """

    offsets: Mapping[str, float]
    fitted_on: Mapping[str, Any] = field(default_factory=dict)

    def fuse(self, score: float, rule: Rule) -> float:
        """Return the probability that a filing is in a field, in 0..1."""
        if rule == "not_given":
            return score
        logit = log_odds(score) + self._offset(rule)
        return 0.5 * (1.0 + math.tanh(0.5 * logit))

    def formula(self, rule: Rule) -> str:
        """Return the rule in words, with its numbers."""
        if rule == "not_given":
            return "text score (no IPC symbols were given)"
        return f"logistic(logit(text score) {self._offset(rule):+.3f}), IPC rule {rule}"

    def _offset(self, rule: Rule) -> float:
        return self.offsets[rule if rule in self.offsets else "subgroup"]


def log_odds(score: float) -> float:
    """Return the log-odds of a probability, held off 0 and 1."""
    held = min(max(score, _EDGE), 1 - _EDGE)
    return math.log(held / (1 - held))


@dataclass(frozen=True)
class CertificateEntry:
    """The recall that a cut-off was shown to have: for one label, or ``any`` for a filing with any
    of the fields, in one language or in all.

    ``lower_bound`` is the exact one-sided Clopper-Pearson bound at the certificate's confidence;
    ``needed`` is how many more positives, all found, would certify the target; 0 when certified.
    ``threshold`` is None for ``any``, which rests on the cut-offs of all fields.
    """

    label: str
    language: str
    threshold: float | None
    positives: int
    misses: int
    lower_bound: float
    status: CertificateStatus
    needed: int


@dataclass(frozen=True)
class Certificate:
    """Recall certificates of one bundle's cut-offs on one calibration set.

    ``model_digest`` is that of the files that scores depend on; ``calibration_digest`` the SHA-256
    of the calibration set; ``n_out_of_distribution`` of its ``n_texts`` were unlike the corpus.
    ``population`` says in words what texts these are: it holds for texts like them and no others.
    """

    model_digest: str
    calibration_digest: str
    calibration_name: str
    population: str
    n_texts: int
    n_out_of_distribution: int
    date: str
    target_recall: float
    confidence: float
    entries: tuple[CertificateEntry, ...]

    def entry(self, label: str, language: str) -> CertificateEntry | None:
        """Return the entry of a label or of ``any``, or None."""
        for entry in self.entries:
            if (entry.label, entry.language) == (label, language):
                return entry
        return None

    def void_by_drift(self, n_texts: int, n_out_of_distribution: int) -> bool:
        """Return whether a batch holds significantly more text unlike the corpus than the
        calibration set: an exact binomial test at 1 % against the upper 95 % Clopper-Pearson bound
        of the calibration set's share."""
        if not n_out_of_distribution:
            return False
        share = upper_bound(self.n_out_of_distribution, self.n_texts, 0.95)
        return binomial_tail(n_out_of_distribution, n_texts, share) < 0.01


@dataclass(frozen=True)
class ScreeningModel:
    """``cutoffs`` are, by language and label code, the text score from which a field is looked at;
    ``cutoff_rule`` says how they were chosen."""

    fusion: Fusion | None
    cutoffs: Mapping[str, Mapping[str, float]]
    cutoff_rule: str
    certificate: Certificate | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ScreeningModel:
        """Return the model of a JSON form. Raise KeyError or TypeError where it lacks a field."""
        certificate = raw.get("certificate")
        if certificate is not None:
            entries = tuple(CertificateEntry(**entry) for entry in certificate["entries"])
            certificate = Certificate(**{**certificate, "entries": entries})
        fusion = raw["fusion"]
        return cls(
            fusion=None if fusion is None else Fusion(**fusion),
            cutoffs=raw["cutoffs"],
            cutoff_rule=raw["cutoff_rule"],
            certificate=certificate,
        )


def binomial_tail(k: int, n: int, p: float) -> float:
    """Return the probability of at least ``k`` successes in ``n`` trials of probability ``p``."""
    if k <= 0:
        return 1.0
    if p <= 0.0 or k > n:
        return 0.0
    if p >= 1.0:
        return 1.0
    terms = (
        math.lgamma(n + 1)
        - math.lgamma(i + 1)
        - math.lgamma(n - i + 1)
        + i * math.log(p)
        + (n - i) * math.log1p(-p)
        for i in range(k, n + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def lower_bound(successes: int, n: int, confidence: float) -> float:
    """Return the exact one-sided Clopper-Pearson lower bound of a proportion; 0 for no trials."""
    if successes == 0:
        return 0.0
    return _solve(lambda p: binomial_tail(successes, n, p) - (1 - confidence))


def upper_bound(successes: int, n: int, confidence: float) -> float:
    """Return the exact one-sided Clopper-Pearson upper bound of a proportion; 1 for no trials."""
    return 1.0 - lower_bound(n - successes, n, confidence)


def _solve(rising) -> float:  # type: ignore[no-untyped-def]
    """Return the root in 0..1 of a rising function, by bisection to double precision."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return low
