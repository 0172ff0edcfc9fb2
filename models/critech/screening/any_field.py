"""Whether a text is in any of the 25 fields, told from all of them together.

A text may speak for the fields as a whole and for none of them enough. One more head, fitted on
"in any field" as the others are on one, is joined with the scores of the fields; where the joint
probability reaches its cut-off, a person looks, whatever the single fields say
(docs/decisions/0023).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from critech.heads import FloatArray, Heads
from critech.plain_data import read_json, read_npz
from critech_labels.texts import LANGUAGES

_EDGE = 1e-7
_KINDS = {"dense": "f", "lexical": "f", "intercept": "f", "said": "u"}


@dataclass(frozen=True)
class AnyField:
    """A head ``dense`` float32 [hidden], ``lexical`` float32 [n_features] and ``intercept``, over
    the features of the bundle's heads, and the weights by which its margin is joined with the
    fields: ``log-odds = offset + fields * o + margin * m``, where ``o`` are the log-odds that at
    least one field holds if they were independent and ``m`` is the margin. ``cutoffs`` are joint
    probabilities by language, ``cutoff_rule`` says how they were chosen. ``flags``, joint
    probabilities too, are those from which a text has some field ``possible``, whatever its single
    scores are; None where single scores decide (docs/decisions/0026). The same serves another list,
    which has no cut-offs, since it is not screened."""

    dense: FloatArray
    lexical: FloatArray
    intercept: float
    offset: float
    fields: float
    margin: float
    cutoffs: Mapping[str, float]
    cutoff_rule: str
    flags: Mapping[str, float] | None = None

    def head(self, heads: Heads) -> Heads:
        """Return this head as heads of one label, over the features of ``heads``."""
        return Heads(
            center=heads.center,
            scale=heads.scale,
            dense=self.dense[None],
            lexical=self.lexical[:, None],
            intercept=np.array([self.intercept], dtype=np.float32),
            vocabulary=heads.vocabulary,
        )

    def near(self, language: str) -> float:
        """Return the joint probability from which screening takes a text for near the fields: the
        cut-off, or the flag where that is lower, so that no text has a field ``possible`` and no
        review. ``language`` is en or ja."""
        return min(self.cutoffs[language], (self.flags or self.cutoffs)[language])

    def log_odds(self, scores: FloatArray, margin: float) -> float:
        """Return the joint log-odds of a text with these scores of the fields, [n_fields], and this
        margin of the head."""
        return self.offset + self.fields * float(at_least_one(scores)) + self.margin * margin

    def probability(self, scores: FloatArray, margin: float) -> float:
        """Return the joint probability, in 0..1: the logistic function of ``log_odds``."""
        return float(0.5 * (1.0 + np.tanh(0.5 * self.log_odds(scores, margin))))

    def as_dict(self) -> dict[str, Any]:
        """Return weights, cut-offs and the rule that chose them, JSON-ready."""
        return {
            "offset": self.offset,
            "fields": self.fields,
            "margin": self.margin,
            "cutoffs": dict(self.cutoffs),
            "cutoff_rule": self.cutoff_rule,
            "flags": None if self.flags is None else dict(self.flags),
        }

    def to_bytes(self) -> bytes:
        """Return the head as one compressed archive of plain arrays."""
        out = io.BytesIO()
        np.savez_compressed(
            out,
            dense=self.dense.astype(np.float32),
            lexical=self.lexical.astype(np.float16),
            intercept=np.array([self.intercept], dtype=np.float32),
            said=np.frombuffer(json.dumps(self.as_dict(), sort_keys=True).encode(), dtype=np.uint8),
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, hidden: int, n_features: int) -> AnyField:
        """Return the head that ``to_bytes`` gave, for features of these sizes. Raise ValueError,
        KeyError or TypeError, or what the libraries raise, for other data."""
        arrays = read_npz(data)
        for name, kind in _KINDS.items():
            if arrays[name].dtype.kind != kind:
                raise ValueError(f"{name} has another type")
        shapes = [arrays[name].shape for name in ("dense", "lexical", "intercept")]
        if shapes != [(hidden,), (n_features,), (1,)]:
            raise ValueError("the head has another shape")
        said = read_json(arrays["said"].tobytes())
        return cls(
            dense=arrays["dense"].astype(np.float32),
            lexical=arrays["lexical"].astype(np.float32),
            intercept=float(arrays["intercept"][0]),
            offset=float(said["offset"]),
            fields=float(said["fields"]),
            margin=float(said["margin"]),
            cutoffs=_by_language(said["cutoffs"]),
            cutoff_rule=str(said["cutoff_rule"]),
            flags=_by_language(said.get("flags")) or None,
        )


def _by_language(raw: Mapping[str, Any] | None) -> dict[str, float]:
    """Return a number in 0..1 for either language, nothing for nothing."""
    found: dict[str, float] = {}
    if raw:
        found = {language: float(raw[language]) for language in LANGUAGES}
    if not all(0.0 <= number <= 1.0 for number in found.values()):
        raise ValueError("a cut-off is no probability")
    return found


def at_least_one(scores: FloatArray) -> FloatArray:
    """Return the log-odds that at least one of the fields holds if they were independent, from
    probabilities [..., n_fields]."""
    none: FloatArray = np.prod(1.0 - scores.astype(np.float64), axis=-1)
    held = np.clip(none, _EDGE, 1.0 - _EDGE)
    return np.asarray(np.log((1.0 - held) / held), dtype=np.float64)
