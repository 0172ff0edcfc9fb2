"""The verdict logic, case by case: conflict and unknown are never folded away."""

from __future__ import annotations

import itertools

import pytest

from critech.screening.verdict import (
    Answer,
    FieldSignals,
    FieldStanding,
    conclude,
    condition_state,
    weigh,
)

NO: tuple[Answer, ...] = ("no",) * 4
UNKNOWN: tuple[Answer, ...] = ("unknown",) * 4
YES: tuple[Answer, ...] = ("no", "no", "yes", "no")


def field(
    rule: str = "exact",
    text: str = "assigned",
    conditional: bool = False,
    topic: str = "not_limited",
    calibrated: bool = True,
    reliable: bool = True,
    code: str = "03",
) -> FieldSignals:
    """Return signals whose words are strings of their own, as those read from a request are: a
    comparison by identity would not find them equal."""
    words = [bytes(word, "ascii").decode() for word in (rule, topic, text)]
    return FieldSignals(code, conditional, *words, calibrated, reliable)  # type: ignore[arg-type]


def weigh_one(signals: FieldSignals, answers: tuple[Answer, ...] = UNKNOWN) -> FieldStanding:
    (standing,) = weigh([signals], answers)
    return standing


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        (("yes", "no", "no", "no"), "met"),
        (("no", "no", "no", "yes"), "met"),
        (("unknown", "yes", "no", "no"), "met"),
        (("no", "no", "no", "no"), "not_met"),
        (("no", "no", "no", "unknown"), "unknown"),
        (("unknown",) * 4, "unknown"),
        ((), "unknown"),
    ],
)
def test_one_yes_meets_the_condition_and_only_four_noes_fail_it(
    answers: tuple[Answer, ...], state: str
) -> None:
    assert condition_state(answers) == state


@pytest.mark.parametrize(
    ("rule", "text", "standing", "conflict", "reasons"),
    [
        ("exact", "assigned", "met", None, ("rule_and_text",)),
        ("exact", "possible", "met", None, ("rule_and_text",)),
        ("exact", "not_assigned", "unsettled", "rule_without_text", ("rule_without_text",)),
        ("subgroup", "assigned", "unsettled", None, ("rule_by_subgroup_only",)),
        ("subgroup", "possible", "unsettled", None, ("rule_by_subgroup_only",)),
        (
            "subgroup",
            "not_assigned",
            "unsettled",
            "rule_without_text",
            ("rule_by_subgroup_only", "rule_without_text"),
        ),
        ("none", "assigned", "unsettled", "text_without_rule", ("text_without_rule",)),
        ("none", "possible", "unsettled", "text_without_rule", ("text_without_rule",)),
        ("none", "not_assigned", "not_met", None, ()),
        ("not_given", "assigned", "unsettled", None, ("ipc_not_given",)),
        ("not_given", "possible", "unsettled", None, ("ipc_not_given",)),
        ("not_given", "not_assigned", "not_met", None, ()),
    ],
)
def test_rule_against_text(
    rule: str, text: str, standing: str, conflict: str | None, reasons: tuple[str, ...]
) -> None:
    found = weigh_one(field(rule, text))
    assert (found.standing, found.conflict, found.reasons) == (standing, conflict, reasons)
    expected = {"met": "refer", "unsettled": "review", "not_met": "no_indication"}[standing]
    assert found.outcome == expected
    assert (found.code, found.condition, found.waiver) == ("03", "not_required", "none")


@pytest.mark.parametrize(
    ("topic", "rule", "text", "standing", "conflict", "reasons"),
    [
        ("met", "exact", "assigned", "met", None, ("rule_and_text",)),
        (
            "unmet",
            "exact",
            "assigned",
            "unsettled",
            "text_without_rule",
            ("topic_limit_unmet", "text_without_rule"),
        ),
        ("unmet", "exact", "not_assigned", "not_met", None, ("topic_limit_unmet",)),
        ("unmet", "subgroup", "not_assigned", "not_met", None, ("topic_limit_unmet",)),
        ("unsettled", "exact", "assigned", "unsettled", None, ("topic_limit_unsettled",)),
        (
            "unsettled",
            "exact",
            "not_assigned",
            "unsettled",
            "rule_without_text",
            ("topic_limit_unsettled", "rule_without_text"),
        ),
    ],
)
def test_a_topic_limit_makes_or_unmakes_the_rule(
    topic: str,
    rule: str,
    text: str,
    standing: str,
    conflict: str | None,
    reasons: tuple[str, ...],
) -> None:
    found = weigh_one(field(rule, text, topic=topic))
    assert (found.standing, found.conflict, found.reasons) == (standing, conflict, reasons)


def test_a_thin_calibration_confirms_nothing() -> None:
    found = weigh_one(field(calibrated=False))
    assert (found.standing, found.outcome) == ("unsettled", "review")
    assert found.reasons == ("calibration_thin",)
    silent = weigh_one(field("none", "not_assigned", calibrated=False))
    assert (silent.standing, silent.reasons) == ("not_met", ())
    ruled = weigh_one(field("exact", "not_assigned", calibrated=False))
    assert ruled.reasons == ("rule_without_text",)


def test_an_unreliable_text_confirms_nothing_and_hides_nothing() -> None:
    found = weigh_one(field(reliable=False))
    assert (found.standing, found.outcome, found.reasons) == (
        "unsettled",
        "review",
        ("text_unreliable",),
    )
    assert weigh_one(field("none", "not_assigned", reliable=False)).outcome == "no_indication"
    ruled = weigh_one(field("exact", "not_assigned", reliable=False))
    assert (ruled.outcome, ruled.reasons) == ("review", ("rule_without_text",))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [("other_edition", "rule_of_other_edition"), ("coarse", "rule_symbol_too_coarse")],
)
def test_what_comes_near_an_item_is_unsettled(rule: str, reason: str) -> None:
    found = weigh_one(field(rule))
    assert (found.standing, found.conflict, found.reasons) == ("unsettled", None, (reason,))
    silent = weigh_one(field(rule, "not_assigned"))
    assert (silent.outcome, silent.conflict) == ("review", "rule_without_text")
    assert silent.reasons == (reason, "rule_without_text")


@pytest.mark.parametrize(
    ("rule", "text", "answers", "condition", "outcome", "reason"),
    [
        ("exact", "assigned", YES, "met", "refer", "condition_met"),
        ("exact", "assigned", NO, "not_met", "no_indication", "condition_not_met"),
        ("exact", "assigned", UNKNOWN, "unknown", "review", "condition_unknown"),
        ("none", "assigned", YES, "met", "review", "condition_met"),
        ("none", "assigned", NO, "not_met", "no_indication", "condition_not_met"),
        ("none", "assigned", UNKNOWN, "unknown", "review", "condition_unknown"),
        ("exact", "not_assigned", YES, "met", "review", "condition_met"),
        ("none", "not_assigned", YES, "met", "no_indication", None),
        ("none", "not_assigned", UNKNOWN, "unknown", "no_indication", None),
    ],
)
def test_fields_10_to_19_need_a_condition(
    rule: str,
    text: str,
    answers: tuple[Answer, ...],
    condition: str,
    outcome: str,
    reason: str | None,
) -> None:
    found = weigh_one(field(rule, text, conditional=True, code="10"), answers)
    assert (found.condition, found.outcome, found.waiver) == (condition, outcome, "none")
    conditions = [code for code in found.reasons if code.startswith("condition")]
    assert conditions == ([] if reason is None else [reason])


@pytest.mark.parametrize("answers", [NO, UNKNOWN, YES])
def test_a_field_without_condition_that_is_met_waives_it(answers: tuple[Answer, ...]) -> None:
    conditional, free = weigh([field(conditional=True, code="12"), field(code="08")], answers)
    assert (conditional.condition, conditional.waiver) == ("not_required", "met")
    assert conditional.outcome == "refer"
    assert conditional.reasons == ("rule_and_text", "condition_waived_by_other_field")
    assert (free.outcome, free.waiver, free.reasons) == ("refer", "none", ("rule_and_text",))


def test_a_waived_condition_settles_no_field() -> None:
    unsettled, _ = weigh([field("none", conditional=True, code="12"), field(code="08")], NO)
    assert (unsettled.outcome, unsettled.waiver) == ("review", "met")
    silent, _ = weigh(
        [field("none", "not_assigned", conditional=True, code="12"), field(code="08")], NO
    )
    assert (silent.outcome, silent.reasons) == ("no_indication", ())


def test_an_unsettled_field_without_condition_keeps_the_condition_open() -> None:
    conditional, _ = weigh([field(conditional=True, code="12"), field("none", code="08")], NO)
    assert (conditional.condition, conditional.waiver) == ("not_met", "unsettled")
    assert conditional.outcome == "review"
    assert conditional.reasons == (
        "rule_and_text",
        "condition_not_met",
        "condition_waiver_unsettled",
    )
    unknown, _ = weigh([field(conditional=True, code="12"), field("none", code="08")], UNKNOWN)
    assert (unknown.outcome, unknown.reasons) == ("review", ("rule_and_text", "condition_unknown"))
    near, _ = weigh([field("none", conditional=True, code="12"), field("none", code="08")], NO)
    assert near.outcome == "review"
    met, _ = weigh([field(conditional=True, code="12"), field("none", code="08")], YES)
    assert (met.condition, met.outcome) == ("met", "refer")


def test_a_conditional_field_that_is_met_waives_nothing() -> None:
    first, second = weigh(
        [field(conditional=True, code="12"), field(conditional=True, code="13")], NO
    )
    assert (first.waiver, second.waiver) == ("none", "none")
    assert (first.outcome, second.outcome) == ("no_indication", "no_indication")


def test_the_strongest_field_decides() -> None:
    signals = {
        "refer": field(),
        "review": field("none"),
        "no_indication": field("none", "not_assigned"),
    }
    order = ["no_indication", "review", "refer"]
    for names in itertools.product(order, repeat=3):
        standings = weigh([signals[name] for name in names], UNKNOWN)
        assert conclude(standings, [], False) == max(names, key=order.index)


def test_what_is_unsettled_about_the_filing_is_reviewed() -> None:
    silent = weigh([field("none", "not_assigned")], NO)
    assert conclude(silent, ["truncated"], False) == "review"
    assert conclude(weigh([field()], NO), ["truncated"], False) == "refer"
    assert conclude([], [], False) == "no_indication"


def test_a_filing_from_before_the_system_is_never_referred() -> None:
    assert conclude(weigh([field()], NO), [], True) == "review"
    assert conclude(weigh([field("none")], NO), [], True) == "review"
    assert conclude(weigh([field("none", "not_assigned")], NO), [], True) == "no_indication"


@pytest.mark.parametrize("answers", [YES, UNKNOWN])
def test_an_unsettled_waiver_is_named_only_where_the_condition_is_not_met(
    answers: tuple[Answer, ...],
) -> None:
    open_field = field(rule="none", code="01")
    found = weigh([open_field, field(conditional=True, code="10")], answers)[1]
    assert found.waiver == "unsettled"
    assert "condition_waiver_unsettled" not in found.reasons
