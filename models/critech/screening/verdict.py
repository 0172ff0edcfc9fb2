"""The verdict on a filing: rule, text and conditions put together. Pure, no text, no model.

A field is *met* when a Cabinet Order item is met by the symbols and the text, read reliably, says
the same. Whatever speaks for a field without that is *unsettled*. For fields 10 to 19 one of four
conditions must hold besides, unless the same filing meets a field that needs none (Order art.
12(2)). What nobody answered is unknown, and unknown is never read as no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from critech.results import Decision

Answer = Literal["yes", "no", "unknown"]
Rule = Literal["exact", "subgroup", "other_edition", "coarse", "none", "not_given"]
Topic = Literal["not_limited", "met", "unmet", "unsettled"]
Standing = Literal["met", "unsettled", "not_met"]
ConditionState = Literal["not_required", "met", "not_met", "unknown"]
Waiver = Literal["none", "met", "unsettled"]
Conflict = Literal["rule_without_text", "text_without_rule"]
Verdict = Literal["refer", "review", "no_indication"]


NEAR: dict[Rule, str] = {
    "subgroup": "rule_by_subgroup_only",
    "other_edition": "rule_of_other_edition",
    "coarse": "rule_symbol_too_coarse",
}


@dataclass(frozen=True)
class FieldSignals:
    """What speaks for one field.

    ``rule`` is how its best item is met: exactly, nearly (a sub-group of a listed symbol, a symbol
    of another edition, a symbol too coarse to tell), not at all, or without any symbols to tell by.
    ``topic`` is whether the text is about the topic that item is limited to. ``text`` is the
    decision on the text; ``calibrated`` is False where too few examples stand behind it, and
    ``reliable`` where the text it rests on could not be read well, so that it confirms no rule.
    """

    code: str
    conditional: bool
    rule: Rule
    topic: Topic
    text: Decision
    calibrated: bool
    reliable: bool


@dataclass(frozen=True)
class FieldStanding:
    """Where a field stands: ``outcome`` is what it contributes to the verdict, ``reasons`` why.
    ``condition`` is what was answered, or that nothing need be; ``waiver`` whether a field without
    condition makes it needless."""

    code: str
    standing: Standing
    conflict: Conflict | None
    condition: ConditionState
    waiver: Waiver
    outcome: Verdict
    reasons: tuple[str, ...]


def condition_state(answers: Sequence[Answer]) -> ConditionState:
    """Return whether one of the conditions holds: ``met`` by one yes, ``not_met`` by no to all."""
    if "yes" in answers:
        return "met"
    return "unknown" if "unknown" in answers or not answers else "not_met"


def weigh(fields: Sequence[FieldSignals], answers: Sequence[Answer]) -> list[FieldStanding]:
    """Return where every field stands, in the order given."""
    found = [_rule_and_text(field) for field in fields]
    open_fields = [one.standing for one in found if not one.field.conditional]
    given = condition_state(answers)
    return [_with_condition(one, given, open_fields) for one in found]


@dataclass(frozen=True)
class _RuleAndText:
    """A field by rule and text alone."""

    field: FieldSignals
    standing: Standing
    conflict: Conflict | None
    reasons: tuple[str, ...]


def _rule_and_text(field: FieldSignals) -> _RuleAndText:
    flagged = field.text != "not_assigned"
    rule: Rule = "none" if field.topic == "unmet" else field.rule
    reasons = ["topic_limit_unmet"] if field.topic == "unmet" else []
    if rule in ("none", "not_given") and not flagged:
        return _RuleAndText(field, "not_met", None, tuple(reasons))
    conflict: Conflict | None = None
    if rule == "none":
        conflict = "text_without_rule"
    elif rule != "not_given" and not flagged:
        conflict = "rule_without_text"
    if rule == "not_given":
        reasons.append("ipc_not_given")
    if rule in NEAR:
        reasons.append(NEAR[rule])
    notes = {
        "topic_limit_unsettled": field.topic == "unsettled",
        "calibration_thin": flagged and not field.calibrated,
        "text_unreliable": flagged and not field.reliable,
    }
    reasons += [code for code, applies in notes.items() if applies]
    if conflict:
        return _RuleAndText(field, "unsettled", conflict, (*reasons, conflict))
    if reasons:
        return _RuleAndText(field, "unsettled", None, tuple(reasons))
    return _RuleAndText(field, "met", None, ("rule_and_text",))


def _with_condition(
    found: _RuleAndText, given: ConditionState, open_fields: Sequence[Standing]
) -> FieldStanding:
    """Return the field with its condition and its outcome. ``open_fields`` are the standings of
    the fields that need no condition: one that is met makes the condition needless."""
    condition: ConditionState = given if found.field.conditional else "not_required"
    waiver: Waiver = "none"
    if found.field.conditional and "met" in open_fields:
        waiver = "met"
    elif found.field.conditional and "unsettled" in open_fields:
        waiver = "unsettled"
    reasons = found.reasons
    outcome: Verdict = "no_indication"
    if found.standing != "not_met":
        if waiver == "met":
            condition = "not_required"
            reasons = (*reasons, "condition_waived_by_other_field")
        elif condition != "not_required":
            reasons = (*reasons, f"condition_{condition}")
        if condition == "not_met" and waiver == "unsettled":
            reasons = (*reasons, "condition_waiver_unsettled")
        held = condition in ("met", "not_required")
        if found.standing == "met" and held:
            outcome = "refer"
        elif held or condition == "unknown" or waiver == "unsettled":
            outcome = "review"
    return FieldStanding(
        code=found.field.code,
        standing=found.standing,
        conflict=found.conflict,
        condition=condition,
        waiver=waiver,
        outcome=outcome,
        reasons=reasons,
    )


def conclude(
    standings: Sequence[FieldStanding], unsettled: Sequence[str], before_system: bool
) -> Verdict:
    """Return the verdict on a filing: the strongest outcome of its fields, and at least
    ``review`` when something about the filing as a whole is unsettled. A filing dated before the
    system was in force is reviewed where it would be referred."""
    outcomes = {standing.outcome for standing in standings}
    if "refer" in outcomes and not before_system:
        return "refer"
    return "review" if unsettled or outcomes - {"no_indication"} else "no_indication"
