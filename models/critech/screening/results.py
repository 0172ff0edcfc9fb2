"""Results of screening as frozen dataclasses, and their JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from critech.explain import SCORE_DECIMALS, Evidence
from critech.results import Decision, ModelRef, TextWarning
from critech.screening.model import CertificateEntry
from critech.screening.verdict import FieldStanding, Rule, Topic, Verdict
from critech.text import Language
from critech_labels import Label, Taxonomy
from critech_labels.law import Deadline, non_disclosure_law

SCREENING_NOTICE = {
    "en": (
        "A verdict is an aid to the people who screen, not a determination: `refer` and `review` "
        "do not mean that an invention is secret, `no_indication` does not mean that it is free "
        "to publish or to file abroad. This is not legal advice."
    ),
    "ja": (
        "判定は審査を行う者の補助であり、決定ではありません。refer及びreviewは発明が秘密であることを"
        "意味せず、no_indicationは公開や外国出願が自由であることを意味しません。法的助言ではありません。"
    ),
}


@dataclass(frozen=True)
class RuleResult:
    """How the filing's symbols meet the items of a field."""

    met: Rule
    items: tuple[int, ...]
    symbols: tuple[str, ...]
    edition: str
    topic: Topic
    topic_text: Mapping[str, str] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        limit = None if self.topic_text is None else {**self.topic_text, "state": self.topic}
        return {
            "met": self.met,
            "items": list(self.items),
            "symbols": list(self.symbols),
            "edition": self.edition,
            "topic_limit": limit,
        }


@dataclass(frozen=True)
class TextResult:
    """What the text says of a field: the score and decision of the section that says most."""

    score: float
    decision: Decision
    calibrated: bool
    cutoff: float
    section: str
    certificate: CertificateEntry | None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "score": round(self.score, SCORE_DECIMALS),
            "decision": self.decision,
            "calibrated": self.calibrated,
            "cutoff": round(self.cutoff, SCORE_DECIMALS),
            "section": self.section,
            "certificate": _entry(self.certificate),
        }


@dataclass(frozen=True)
class FieldResult:
    """One field of the 25 for which rule or text speaks."""

    label: Label
    rule: RuleResult
    text: TextResult
    fused: float | None
    fused_rule: str
    standing: FieldStanding
    answered_yes: tuple[str, ...]
    waived_by: tuple[str, ...]
    evidence: tuple[Evidence, ...] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form. ``evidence`` is there only when it was asked for."""
        basis = self.rule.met != "not_given"
        data: dict[str, Any] = {
            "code": self.label.code,
            "title": self.label.title.as_dict(),
            "outcome": self.standing.outcome,
            "standing": self.standing.standing,
            "ipc_rule": self.rule.as_dict(),
            "text": self.text.as_dict(),
            "fused": {
                "probability": None if self.fused is None else round(self.fused, SCORE_DECIMALS),
                "basis": "rule_and_text" if basis else "text_only",
                "rule": self.fused_rule,
            },
            "conflict": self.standing.conflict,
            "additional_condition": {
                "required": bool(self.label.additional_condition) and self.standing.waiver != "met",
                "state": self.standing.condition,
                "waiver": self.standing.waiver,
                "basis": list(self.answered_yes) if self.label.additional_condition else [],
                "waived_by": list(self.waived_by) if self.label.additional_condition else [],
            },
            "citations": self._citations(),
        }
        if self.evidence is not None:
            data["evidence"] = [evidence.as_dict() for evidence in self.evidence]
        return data

    def _citations(self) -> list[str]:
        cited = non_disclosure_law().citations
        items = [f"Order {cited['field']['order']} item {item}" for item in self.rule.items]
        found = [f"Act {cited['field']['act']}", *(items or [f"Order {cited['field']['order']}"])]
        if self.label.additional_condition:
            found.append(f"Order {cited['condition']['order']}")
        return found


@dataclass(frozen=True)
class FilingResult:
    """The verdict on one filing, with everything it rests on."""

    id: str | None
    language: Language
    verdict: Verdict
    reasons: tuple[Mapping[str, object], ...]
    tokens_seen: int
    tokens_total: int
    warnings: tuple[TextWarning, ...]
    fields: tuple[FieldResult, ...]
    ipc: Mapping[str, object]
    deadlines: tuple[Deadline, ...] | None
    foreign_filing: Mapping[str, object]
    as_of: str | None
    out_of_distribution: bool
    uncalibrated: tuple[str, ...]
    edition: Taxonomy

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form. ``dates`` is None without a filing date, and with one from before
        the system."""
        law = non_disclosure_law()
        dates = None
        if self.deadlines is not None:
            dates = {
                "periods": [deadline.as_dict() for deadline in self.deadlines],
                "counting": law.counting.as_dict(),
            }
        return {
            "id": self.id,
            "language": self.language,
            "verdict": self.verdict,
            "reasons": [dict(reason) for reason in self.reasons],
            "tokens_seen": self.tokens_seen,
            "tokens_total": self.tokens_total,
            "warnings": [warning.as_dict() for warning in self.warnings],
            "fields": [field.as_dict() for field in self.fields],
            "ipc": dict(self.ipc),
            "dates": dates,
            "foreign_filing": dict(self.foreign_filing),
            "uncalibrated_fields": list(self.uncalibrated),
            "as_of": self.as_of,
            "provenance": {
                "taxonomy": self.edition.id,
                "version": self.edition.version,
                "read_as_of": self.edition.as_of.isoformat(),
                "verification": self.edition.verification,
            },
        }


@dataclass(frozen=True)
class Screening:
    """Results in input order, the certificate they fall under, and where they come from."""

    results: tuple[FilingResult, ...]
    certificate: Mapping[str, object]
    provenance: Mapping[str, object]
    model: ModelRef

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that HTTP and the command line share."""
        return {
            "results": [result.as_dict() for result in self.results],
            "certificate": dict(self.certificate),
            "provenance": dict(self.provenance),
            "model": self.model.as_dict(),
            "notice": dict(SCREENING_NOTICE),
        }


def _entry(entry: CertificateEntry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "status": entry.status,
        "positives": entry.positives,
        "misses": entry.misses,
        "lower_bound": entry.lower_bound,
        "needed": entry.needed,
    }
