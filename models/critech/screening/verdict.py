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
Rule = Literal["exact", "subgroup", "none", "not_given"]
Topic = Literal["not_limited", "met", "unmet", "unsettled"]
Standing = Literal["met", "unsettled", "not_met"]
ConditionState = Literal["not_required", "met", "not_met", "unknown"]
Conflict = Literal["rule_without_text", "text_without_rule"]
Verdict = Literal["refer", "review", "no_indication"]


@dataclass(frozen=True)
class FieldSignals:
    """What speaks for one field. ``rule`` is how its best item is met, ``topic`` whether the text
    is about the topic that item is limited to; ``text`` is the decision on the text, ``reliable``
    False where that decision rests on an unsure reading (see ``unreliable`` of ``weigh``)."""

    code: str
    conditional: bool
    rule: Rule
    topic: Topic
    text: Decision
    calibrated: bool


@dataclass(frozen=True)
class FieldStanding:
    """Where a field stands: ``outcome`` is what it contributes to the verdict, ``reasons`` why."""

    code: str
    standing: Standing
    conflict: Conflict | None
    condition: ConditionState
    waived: bool
    outcome: Verdict
    reasons: tuple[str, ...]


def condition_state(answers: Sequence[Answer]) -> ConditionState:
    """Return whether one of the conditions holds: ``met`` by one yes, ``not_met`` by no to all."""
    if "yes" in answers:
        return "met"
    return "unknown" if "unknown" in answers or not answers else "not_met"


def weigh(
    fields: Sequence[FieldSignals], answers: Sequence[Answer], unreliable: bool
) -> list[FieldStanding]:
    """Return where every field stands, in the order given.

    ``unreliable``: the text as a whole cannot be trusted (out of distribution, language not
    supported), so it can confirm no rule.
    """
    found = [_rule_and_text(field, unreliable) for field in fields]
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


def _rule_and_text(field: FieldSignals, unreliable: bool) -> _RuleAndText:
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
    notes = {
        "ipc_not_given": rule == "not_given",
        "rule_by_subgroup_only": rule == "subgroup",
        "topic_limit_unsettled": field.topic == "unsettled",
        "calibration_thin": flagged and not field.calibrated,
    }
    reasons += [code for code, applies in notes.items() if applies]
    if conflict:
        return _RuleAndText(field, "unsettled", conflict, (*reasons, conflict))
    if rule == "exact" and not reasons and not unreliable:
        return _RuleAndText(field, "met", None, ("rule_and_text",))
    return _RuleAndText(field, "unsettled", None, tuple(reasons))


def _with_condition(
    found: _RuleAndText, given: ConditionState, open_fields: Sequence[Standing]
) -> FieldStanding:
    """Return the field with its condition and its outcome. ``open_fields`` are the standings of
    the fields that need no condition: one that is met makes the condition needless."""
    condition: ConditionState = given if found.field.conditional else "not_required"
    waived = found.field.conditional and "met" in open_fields
    reasons = found.reasons
    outcome: Verdict = "no_indication"
    if found.standing != "not_met":
        if waived:
            condition = "not_required"
            reasons = (*reasons, "condition_waived_by_other_field")
        elif condition == "not_met" and "unsettled" in open_fields:
            condition = "unknown"
            reasons = (*reasons, "condition_waiver_unsettled")
        elif condition != "not_required":
            reasons = (*reasons, f"condition_{condition}")
        if condition != "not_met":
            sure = found.standing == "met" and condition != "unknown"
            outcome = "refer" if sure else "review"
    return FieldStanding(
        code=found.field.code,
        standing=found.standing,
        conflict=found.conflict,
        condition=condition,
        waived=waived,
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
