"""What the student may decide: a cut-off per taxonomy, and what was shown about it.

The truth that a certificate is about is the full model: for how many of the texts in which it
finds something the student lets it look. So any unlabelled texts make a certificate, such as a
sample of the very dump, and it holds for texts like them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.screening.model import lower_bound

TARGET = 0.99
CONFIDENCE = 0.95
# cut-offs as log-odds, fixed before any text is seen
GRID = tuple(round(-12.0 + 0.1 * step, 1) for step in range(181))

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Entry:
    """One taxonomy's cut-off: below it the student says that a text has nothing.

    Of ``n`` texts in which the full model has a label ``possible`` or better, ``kept`` are at the
    cut-off or above. ``lower_bound`` is the exact one-sided Clopper-Pearson bound of that share.
    ``passed`` of all ``n_texts`` go on to the full model. ``cutoff`` is None, and the student
    decides nothing, where no cut-off could be shown to reach the target.
    """

    taxonomy: str
    cutoff: float | None
    kept: int
    n: int
    lower_bound: float
    passed: int
    n_texts: int


@dataclass(frozen=True)
class Certificate:
    """Cut-offs of all taxonomies, and what they were made on. ``model_digest`` is that of the full
    model's files, ``student_digest`` that of the student; ``population`` says in words what the
    texts were, ``calibration_digest`` is their SHA-256."""

    entries: tuple[Entry, ...]
    model_digest: str
    student_digest: str
    population: str
    calibration_digest: str
    target: float = TARGET
    confidence: float = CONFIDENCE

    def of(self, taxonomy: str) -> Entry | None:
        """Return the entry of a taxonomy with a cut-off, or None."""
        return next(
            (e for e in self.entries if e.taxonomy == taxonomy and e.cutoff is not None), None
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Certificate:
        """Return the certificate of a JSON form. Raise KeyError, TypeError or ValueError where it
        is none, claims less than this module certifies, or has a bound that its own counts do not
        give."""
        found = cls(**{**raw, "entries": tuple(Entry(**entry) for entry in raw["entries"])})
        if not (TARGET <= found.target < 1 and CONFIDENCE <= found.confidence < 1):
            raise ValueError("target")
        for entry in found.entries:
            if entry.cutoff is not None:
                _check(entry, found.target, found.confidence)
        return found


def positives_needed(target: float = TARGET, confidence: float = CONFIDENCE) -> int:
    """Return how many texts with a label, all kept, it takes at least to show the target."""
    return math.ceil(math.log(1 - confidence) / math.log(target))


def certify(
    taxonomies: Sequence[str],
    logits: FloatArray,
    has_any: npt.NDArray[np.bool_],
    target: float = TARGET,
    confidence: float = CONFIDENCE,
) -> tuple[Entry, ...]:
    """Return an entry for each taxonomy, from the student's log-odds [n_texts, n_taxonomies] and
    whether the full model found something, of the same shape.

    Cut-offs of a fixed grid are tested from the lowest up, each at full level, and the last one
    before the first failure is taken: fixed-sequence testing, which keeps the level although the
    cut-off is chosen on the same texts.
    """
    return tuple(
        _entry(name, logits[:, j], has_any[:, j], target, confidence)
        for j, name in enumerate(taxonomies)
    )


def _entry(
    name: str,
    logits: FloatArray,
    has_any: npt.NDArray[np.bool_],
    target: float,
    confidence: float,
) -> Entry:
    positives = logits[has_any]
    n = len(positives)
    best: float | None = None
    for cutoff in GRID:
        if lower_bound(int((positives >= cutoff).sum()), n, confidence) < target:
            break
        best = cutoff
    at = -math.inf if best is None else best
    kept = int((positives >= at).sum())
    return Entry(
        taxonomy=name,
        cutoff=best,
        kept=kept,
        n=n,
        lower_bound=lower_bound(kept, n, confidence),
        passed=int((logits >= at).sum()),
        n_texts=len(logits),
    )


def _check(entry: Entry, target: float, confidence: float) -> None:
    if entry.cutoff is None or not math.isfinite(entry.cutoff):
        raise ValueError("cutoff")
    if not 0 < entry.kept <= entry.n:
        raise ValueError("counts")
    bound = lower_bound(entry.kept, entry.n, confidence)
    if bound < target or abs(bound - entry.lower_bound) > 1e-6:
        raise ValueError("bound")
