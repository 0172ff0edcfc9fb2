"""What words and student may decide: a cut-off per taxonomy, and what was shown about it.

The truth that a certificate is about is the full model: for how many of the texts in which it
finds something they let it look. So any unlabelled texts make a certificate, such as a
sample of the very dump, and it holds for texts like them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.digest import digest
from critech.screening.model import lower_bound

FORMAT = 1
"""Format of the file; one more whenever ``Words.read`` gives another excess for the same bundle."""
TARGET = 0.99
CONFIDENCE = 0.95
# Cut-offs of the excess (``Reading``), fixed before any text is seen. That of most texts lies
# between -10 and 8, in English and in Japanese.
GRID = tuple(round(-12.0 + 0.1 * step, 1) for step in range(181))
MAX_TEXTS = 1_000_000
MAX_ENTRIES = 32

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Entry:
    """One taxonomy's cut-off: a text with an excess below it has nothing, by the tiers.

    Of ``n`` texts in which the full model has a label ``possible`` or better, ``kept`` are at the
    cut-off or above. ``lower_bound`` is the exact one-sided Clopper-Pearson bound of that share.
    ``passed`` of all ``n_texts`` go on to the full model. ``cutoff`` is None, and the tiers
    decide nothing, where no cut-off could be shown to reach the target.
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
    """Cut-offs of all taxonomies, and what they were made on. ``model_digest`` is that of the
    model with its student (``Bundle.tiers_digest``); ``population`` says in words what the texts
    were, ``calibration_digest`` is their SHA-256."""

    entries: tuple[Entry, ...]
    model_digest: str
    population: str
    calibration_digest: str
    target: float = TARGET
    confidence: float = CONFIDENCE
    format: int = FORMAT

    def cutoff(self, taxonomy: str) -> float | None:
        """Return the cut-off of a taxonomy, None where it has none."""
        return next((e.cutoff for e in self.entries if e.taxonomy == taxonomy), None)

    @property
    def digest(self) -> str:
        """SHA-256 of the file, as ``sha256:<hex>``."""
        return digest(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the file: JSON in UTF-8."""
        return (json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n").encode()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Certificate:
        """Return the certificate of a JSON form. Raise KeyError, TypeError or ValueError where it
        is none, is of another format, claims less than this module certifies, or has a bound that
        its own counts do not give."""
        found = cls(**{**raw, "entries": tuple(Entry(**entry) for entry in raw["entries"])})
        if found.format != FORMAT:
            raise ValueError("format")
        if not (_is_words(found.population) and _is_words(found.calibration_digest)):
            raise ValueError("texts")
        if not (TARGET <= found.target < 1 and CONFIDENCE <= found.confidence < 1):
            raise ValueError("target")
        if not len({e.taxonomy for e in found.entries}) == len(found.entries) <= MAX_ENTRIES:
            raise ValueError("entries")
        for entry in found.entries:
            _check(entry, found.target, found.confidence)
        return found


def positives_needed(target: float = TARGET, confidence: float = CONFIDENCE) -> int:
    """Return how many texts with a label, all kept, it takes at least to show the target."""
    return math.ceil(math.log(1 - confidence) / math.log(target))


def certify(
    taxonomies: Sequence[str],
    excess: FloatArray,
    has_any: npt.NDArray[np.bool_],
    target: float = TARGET,
    confidence: float = CONFIDENCE,
) -> tuple[Entry, ...]:
    """Return an entry for each taxonomy, from the tiers' excess float32 [n_texts, n_taxonomies],
    infinite where they never decide, and whether the full model found something, of that shape.

    Cut-offs of a fixed grid are tested from the lowest up, each at full level, and the last one
    before the first failure is taken: fixed-sequence testing, which keeps the level although the
    cut-off is chosen on the same texts.
    """
    return tuple(
        _entry(name, excess[:, j], has_any[:, j], target, confidence)
        for j, name in enumerate(taxonomies)
    )


def _entry(
    name: str,
    excess: FloatArray,
    has_any: npt.NDArray[np.bool_],
    target: float,
    confidence: float,
) -> Entry:
    positives = excess[has_any]
    n = len(positives)
    best: float | None = None
    for cutoff in GRID:
        if lower_bound(_reaching(positives, cutoff), n, confidence) < target:
            break
        best = cutoff
    at = -math.inf if best is None else best
    kept = _reaching(positives, at)
    return Entry(
        taxonomy=name,
        cutoff=best,
        kept=kept,
        n=n,
        lower_bound=lower_bound(kept, n, confidence),
        passed=_reaching(excess, at),
        n_texts=len(excess),
    )


def _reaching(excess: FloatArray, cutoff: float) -> int:
    return int((excess >= np.float32(cutoff)).sum())


def _check(entry: Entry, target: float, confidence: float) -> None:
    counts = (entry.kept, entry.n, entry.passed, entry.n_texts)
    if not _is_words(entry.taxonomy) or any(type(one) is not int for one in counts):
        raise TypeError("entry")
    if not (0 <= entry.kept <= entry.n <= entry.n_texts <= MAX_TEXTS):
        raise ValueError("counts")
    if not (entry.kept <= entry.passed <= entry.n_texts and entry.kept >= target * entry.n):
        raise ValueError("counts")
    bound = lower_bound(entry.kept, entry.n, confidence)
    if abs(bound - entry.lower_bound) > 1e-6:
        raise ValueError("bound")
    if entry.cutoff is not None and (entry.cutoff not in GRID or bound < target):
        raise ValueError("cutoff")


def _is_words(value: object) -> bool:
    """Return whether a value is text that can be shown as it is."""
    return isinstance(value, str) and value.isprintable()
