"""The gate: a bundle made with corrections against the one it was made from, on the same texts.

What the old bundle does has an exact 95 % interval (Clopper-Pearson). The new one may not find less
than its lower bound, nor flag more than its upper bound of what no label applies to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from critech_training.corpus import POSITIVE
from critech_training.evaluate import SUB_ITEMS
from critech_training.fit import calibration_group
from critech_training.metrics import Slice

CONFIDENCE = 0.95
MIN_JUDGED = 5
LEVELS: tuple[Literal["possible", "assigned"], ...] = ("possible", "assigned")

Data = Literal["corpus", "corrections"]
Measure = Literal["found", "flagged"]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Row:
    """How many of ``n`` texts (for a label) or of ``n`` pairs of text and label the old and the new
    bundle put at ``at`` or above. ``found``: where the label applies; ``flagged``: where it does
    not. ``low`` and ``high`` are the old one's interval. A row of fewer than ``MIN_JUDGED`` is not
    judged; its positives count in the rows over several labels."""

    data: Data
    measure: Measure
    of: str
    at: Literal["possible", "assigned"]
    n: int
    old: int
    new: int
    low: float
    high: float

    @property
    def judged(self) -> bool:
        """True when there are enough to judge by."""
        return self.n >= MIN_JUDGED

    @property
    def of_one_label(self) -> bool:
        """True for a row of a single label."""
        return ":" in self.of

    @property
    def passed(self) -> bool:
        """False when the new bundle falls out of the old one's interval on the bad side."""
        share = self.new / self.n
        if not self.judged:
            return True
        return share >= self.low if self.measure == "found" else share <= self.high

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        shown = {name: value for name, value in vars(self).items() if name not in ("low", "high")}
        interval = [round(self.low, 4), round(self.high, 4)]
        return {**shown, "interval": interval, "judged": self.judged, "passed": self.passed}


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what a manifest keeps of a comparison: the rows over several labels, the rows that
    failed, and how many there are. Single labels that passed would tell an outsider more about
    what was corrected than about the bundle."""
    return {
        "confidence": CONFIDENCE,
        "min_judged": MIN_JUDGED,
        "judged": sum(row.judged for row in rows),
        "failed": [row.as_dict() for row in rows if not row.passed],
        "groups": [row.as_dict() for row in rows if row.judged and not row.of_one_label],
    }


def exact_interval(k: int, n: int) -> tuple[float, float]:
    """Return the two-sided Clopper-Pearson interval of ``k`` in ``n``, which is at least 1."""
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))
    return low, high


def recall_rows(
    data: Data, old: Slice, new: Slice, labels: Sequence[str], languages: Sequence[str]
) -> list[Row]:
    """Return how many positives both bundles find: per label, over the labels with fewer than
    ``MIN_JUDGED`` of them in each taxonomy, over each taxonomy and over each in one language."""
    return list(_pair_rows(data, "found", (old, new), (labels, languages), POSITIVE))


def wrong_rows(
    old: Slice, new: Slice, labels: Sequence[str], languages: Sequence[str]
) -> list[Row]:
    """Return how many labels that reviewers found wrong both bundles flag, arranged likewise."""
    return list(_pair_rows("corrections", "flagged", (old, new), (labels, languages), 0))


def negative_rows(old: Slice, new: Slice, labels: Sequence[str], kinds: Sequence[str]) -> list[Row]:
    """Return how many texts of the corpus both bundles flag that no label applies to, clearly or
    arguably: plain ones under any label and under each taxonomy, and all that have no label of a
    taxonomy under that taxonomy."""
    plain = np.array([kind == "plain" for kind in kinds])
    clear = old.strengths == 0
    every = np.ones(len(labels), dtype=bool)
    groups = [("any taxonomy, plain texts", plain, every)]
    for taxonomy in dict.fromkeys(_taxonomy(label) for label in labels):
        columns = np.array([_taxonomy(label) == taxonomy for label in labels])
        groups.append((f"{taxonomy}, plain texts", plain, columns))
        groups.append((f"{taxonomy}, all texts", np.ones(len(kinds), dtype=bool), columns))
    rows = []
    for name, texts, columns in groups:
        used = texts & clear[:, columns].all(axis=1)
        for at in LEVELS:
            hits = [int(getattr(one, at)[used][:, columns].any(axis=1).sum()) for one in (old, new)]
            if used.any():
                n = int(used.sum())
                interval = exact_interval(hits[0], n)
                rows.append(Row("corpus", "flagged", name, at, n, hits[0], hits[1], *interval))
    return rows


def _pair_rows(
    data: Data,
    measure: Measure,
    both: tuple[Slice, Slice],
    texts: tuple[Sequence[str], Sequence[str]],
    strength: int,
) -> Iterator[Row]:
    labels, languages = texts
    mask = both[0].strengths == strength
    counts = mask.sum(axis=0)
    for name, chosen in _cells(labels, languages, counts):
        cells = mask & chosen
        n = int(cells.sum())
        for at in LEVELS:
            if n:
                hits = [int((getattr(one, at) & cells).sum()) for one in both]
                yield Row(data, measure, name, at, n, hits[0], hits[1], *exact_interval(hits[0], n))


def _cells(
    labels: Sequence[str], languages: Sequence[str], counts: npt.NDArray[np.int64]
) -> Iterator[tuple[str, Mask]]:
    """Yield the name of a row, and its texts and labels as a mask that spreads to [n_texts,
    n_labels]."""
    for j, label in enumerate(labels):
        yield label, np.arange(len(labels)) == j
    few = counts < MIN_JUDGED
    groups = [_group(label) for label in labels]
    for group in dict.fromkeys(groups):
        columns = np.array([name == group for name in groups])
        yield f"{group}, labels with fewer than {MIN_JUDGED}", columns & few
        yield group, columns
        for language in dict.fromkeys(sorted(languages)):
            texts = np.array([found == language for found in languages])[:, None]
            yield f"{group}, {language}", columns & texts


def _group(label: str) -> str:
    return calibration_group(label).replace(" sub-items", SUB_ITEMS)


def _taxonomy(label: str) -> str:
    return label.partition(":")[0]
