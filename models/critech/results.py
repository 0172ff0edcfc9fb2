"""Inputs and results of the core as frozen dataclasses, and their one JSON form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from critech.text import Language

if TYPE_CHECKING:
    from critech.explain import Evidence
    from critech.scorer import Scored

Decision = Literal["assigned", "possible", "not_assigned"]
WarningCode = Literal[
    "truncated", "language_unsupported", "language_mismatch", "out_of_distribution",
    "distribution_unknown", "short_text",
]  # fmt: skip

NOTICE = {
    "en": (
        "The absence of a label is not clearance, and a label is not a determination: scores are "
        "estimates from text alone. This is not legal advice."
    ),
    "ja": (
        "ラベルが付かないことは該当しないことの保証ではなく、ラベルは該当の決定ではありません。"
        "スコアは文面のみからの推定であり、法的助言ではありません。"
    ),
}


@dataclass(frozen=True)
class Document:
    """A text to classify. ``language`` overrides detection; ``ipc`` symbols are reported on
    against the 25 fields but do not move the scores."""

    text: str
    id: str | None = None
    title: str | None = None
    language: Literal["en", "ja"] | None = None
    ipc: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextWarning:
    """Something about one document that a reader of its scores should know."""

    code: WarningCode
    message: str

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True)
class LabelResult:
    """Calibrated score in 0..1 and decision for one label; sub-items under their category.

    ``calibrated`` is False where too few held-out positives were there to fit this label alone,
    so that the score rests on the fit for the whole taxonomy, and for a text out of distribution.
    ``evidence`` is None when it was not asked for.
    """

    code: str
    title: dict[str, str]
    score: float
    decision: Decision
    calibrated: bool
    children: tuple[LabelResult, ...] = ()
    evidence: tuple[Evidence, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form. ``evidence`` is there only when it was asked for."""
        data: dict[str, Any] = {
            "code": self.code,
            "title": self.title,
            "score": self.score,
            "decision": self.decision,
            "calibrated": self.calibrated,
            "children": [child.as_dict() for child in self.children],
        }
        if self.evidence is not None:
            data["evidence"] = [evidence.as_dict() for evidence in self.evidence]
        return data


@dataclass(frozen=True)
class TaxonomyResult:
    """Labels of one taxonomy, highest score first. ``in_force`` says whether all of the taxonomy
    was in force on the date asked for; None when no date was."""

    id: str
    version: str
    labels: tuple[LabelResult, ...]
    in_force: bool | None = None

    def all_labels(self) -> tuple[LabelResult, ...]:
        """Return the labels with their sub-items in one row, each sub-item after its category."""
        return tuple(found for label in self.labels for found in (label, *label.children))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form. ``in_force`` is there only when a date was given."""
        data: dict[str, Any] = {"id": self.id, "version": self.version}
        if self.in_force is not None:
            data["in_force"] = self.in_force
        return {**data, "labels": [label.as_dict() for label in self.labels]}


@dataclass(frozen=True)
class DocumentResult:
    """The result for one document. ``tokens_seen < tokens_total`` when the text was cut."""

    id: str | None
    language: Language
    tokens_seen: int
    tokens_total: int
    warnings: tuple[TextWarning, ...]
    taxonomies: tuple[TaxonomyResult, ...]
    ipc: dict[str, object] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form. ``ipc`` is there only when symbols were given."""
        data: dict[str, Any] = {
            "id": self.id,
            "language": self.language,
            "tokens_seen": self.tokens_seen,
            "tokens_total": self.tokens_total,
            "warnings": [warning.as_dict() for warning in self.warnings],
            "taxonomies": [taxonomy.as_dict() for taxonomy in self.taxonomies],
        }
        if self.ipc is not None:
            data["ipc"] = self.ipc
        return data


@dataclass(frozen=True)
class ModelRef:
    """Which bundle made a result."""

    bundle: str
    version: str
    digest: str

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"bundle": self.bundle, "version": self.version, "digest": self.digest}


@dataclass(frozen=True)
class Classification:
    """Results in input order, with the bundle that made them and the notice. ``scored`` has what
    they were made from, all labels of each document; it is not part of the JSON form."""

    results: tuple[DocumentResult, ...]
    model: ModelRef
    scored: tuple[Scored, ...] = field(default=(), compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that HTTP and the command line share."""
        return {
            "results": [result.as_dict() for result in self.results],
            "model": self.model.as_dict(),
            "notice": dict(NOTICE),
        }
