"""What the student may decide: a cut-off per taxonomy, each with its certificate.

The truth that a certificate is about is the full model: which of its decisions ``possible`` or
better a run in two tiers keeps. So any unlabelled texts make one, such as a sample of the very
dump, and it holds for texts like them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Share:
    """``successes`` of ``n``, and the exact one-sided Clopper-Pearson lower bound of the share."""

    successes: int
    n: int
    lower_bound: float


@dataclass(frozen=True)
class TierCutoff:
    """One taxonomy's cut-offs, in log-odds above a label's own threshold of ``possible``.

    Labels that the student puts at ``listed`` or above may be there. A text with none of them has
    nothing of this taxonomy. A text with a label at ``certain`` or above surely has something, and
    the listed labels are given for it; None where the student never says so. Any other text goes
    to the full model.

    ``kept`` is the share of the full model's pairs of text and label, ``possible`` or better, that
    come out of a run in two tiers; ``accepted`` the share of the texts taken as certain for which
    the full model has some label too.
    """

    taxonomy: str
    listed: float
    certain: float | None
    kept: Share
    accepted: Share | None


@dataclass(frozen=True)
class CascadeModel:
    """Cut-offs of all taxonomies that have a certificate, and what it was made on.

    ``model_digest`` is that of the full model's files, ``student_digest`` that of the student;
    ``population`` says in words what the ``n_texts`` were, ``calibration_digest`` is their SHA-256;
    ``target`` is the share that every bound reaches at ``confidence``.
    """

    cutoffs: tuple[TierCutoff, ...]
    model_digest: str
    student_digest: str
    population: str
    calibration_digest: str
    n_texts: int
    target: float
    confidence: float

    def of(self, taxonomy: str) -> TierCutoff | None:
        """Return the cut-offs of a taxonomy, None when it has no certificate."""
        return next((one for one in self.cutoffs if one.taxonomy == taxonomy), None)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> CascadeModel:
        """Return the model of a JSON form. Raise KeyError or TypeError where it lacks a field."""
        cutoffs = tuple(
            TierCutoff(
                taxonomy=one["taxonomy"],
                listed=float(one["listed"]),
                certain=None if one["certain"] is None else float(one["certain"]),
                kept=Share(**one["kept"]),
                accepted=None if one["accepted"] is None else Share(**one["accepted"]),
            )
            for one in raw["cutoffs"]
        )
        return cls(**{**raw, "cutoffs": cutoffs})
