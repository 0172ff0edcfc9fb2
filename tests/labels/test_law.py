"""Deadlines as the Civil Code counts, and the facts of the non-disclosure system."""

from __future__ import annotations

import datetime as dt

import pytest

from critech_labels import load_taxonomy
from critech_labels.law import deadlines, last_day_of_period, non_disclosure_law

D = dt.date


@pytest.mark.parametrize(
    ("filed", "months", "last"),
    [
        (D(2026, 1, 15), 3, D(2026, 4, 15)),
        (D(2026, 1, 29), 3, D(2026, 4, 29)),
        (D(2026, 1, 30), 3, D(2026, 4, 30)),
        (D(2026, 1, 31), 3, D(2026, 4, 30)),  # counted from 1 February: the day before 1 May
        (D(2026, 2, 27), 3, D(2026, 5, 27)),
        (D(2026, 2, 28), 3, D(2026, 5, 31)),  # counted from 1 March: the day before 1 June
        (D(2024, 2, 28), 3, D(2024, 5, 28)),
        (D(2024, 2, 29), 3, D(2024, 5, 31)),
        (D(2026, 4, 30), 3, D(2026, 7, 31)),
        (D(2026, 11, 27), 3, D(2027, 2, 27)),
        (D(2026, 11, 28), 3, D(2027, 2, 28)),  # 29 February is missing in 2027
        (D(2026, 11, 29), 3, D(2027, 2, 28)),
        (D(2026, 11, 30), 3, D(2027, 2, 28)),  # counted from 1 December
        (D(2027, 11, 28), 3, D(2028, 2, 28)),
        (D(2027, 11, 29), 3, D(2028, 2, 29)),
        (D(2027, 11, 30), 3, D(2028, 2, 29)),
        (D(2026, 12, 31), 3, D(2027, 3, 31)),
        (D(2026, 4, 29), 10, D(2027, 2, 28)),
        (D(2026, 4, 30), 10, D(2027, 2, 28)),  # counted from 1 May: the day before 1 March
        (D(2026, 2, 28), 10, D(2026, 12, 31)),
        (D(2026, 8, 31), 10, D(2027, 6, 30)),
    ],
)
def test_a_period_of_months_ends_as_the_civil_code_counts(
    filed: dt.date, months: int, last: dt.date
) -> None:
    assert last_day_of_period(filed, months) == last


def test_deadlines_of_a_filing_name_their_articles() -> None:
    screening, abroad = deadlines(D(2026, 1, 31))
    assert (screening.rule.id, screening.rule.months) == ("first_screening", 3)
    assert (screening.last_day, screening.free_from) == (D(2026, 4, 30), D(2026, 5, 1))
    assert "Order art. 13" in screening.rule.articles
    assert (abroad.rule.id, abroad.last_day) == ("foreign_filing", D(2026, 11, 30))
    assert "Order art. 15" in abroad.rule.articles
    assert abroad.as_dict()["last_day"] == "2026-11-30"


def test_the_four_conditions_are_those_of_the_order() -> None:
    law = non_disclosure_law()
    assert [condition.id for condition in law.conditions] == [
        "defence_use",
        "state_or_national_rd_applicant",
        "commissioned_rd_bayh_dole",
        "commissioned_rd_partial_transfer",
    ]
    assert all(c.text.en and c.text.ja and c.order == "art. 12(3)" for c in law.conditions)


def test_the_law_starts_with_its_taxonomy() -> None:
    assert law_start() == load_taxonomy("jp-secret-patent-25", D(2024, 5, 1)).effective_from


def law_start() -> dt.date:
    return non_disclosure_law().in_force_from


@pytest.mark.parametrize(
    ("limit", "text", "found"),
    [
        ("uranium or plutonium", "Enrichment of uranium hexafluoride by lasers", True),
        ("uranium or plutonium", "UF 6 is fed to the rotor", True),
        ("uranium or plutonium", "a feed of UF6 gas", True),
        ("uranium or plutonium", "pellets of UO2", True),
        ("uranium or plutonium", "Pu-240 is removed", True),
        ("uranium or plutonium", "a stripper for 233U", True),
        ("uranium or plutonium", "ウラニウムの濃縮", True),
        ("uranium or plutonium", "プルトニウムの同位体を分離する", True),
        ("uranium or plutonium", "Lithium isotopes; a uraniumlike colour", False),
        ("uranium or plutonium", "リチウム同位体の分離", False),
        ("quantum dots or superlattices", "a Type-II super lattice absorber", True),
        ("quantum dots or superlattices", "Colloidal Quantum-Dot photodetector", True),
        ("quantum dots or superlattices", "量子ドット赤外線検出器", True),
        ("quantum dots or superlattices", "a quantum well detector with dots of solder", False),
    ],
)
def test_a_topic_is_judged_by_whole_words(limit: str, text: str, found: bool) -> None:
    topic = next(t for t in non_disclosure_law().topics if t.text.en == limit)
    assert topic.is_in(text) is found


def test_every_topic_limit_of_the_rules_has_words() -> None:
    law = non_disclosure_law()
    limits = {
        rule.topic_limit
        for on in (D(2024, 5, 1), D(2025, 1, 1))
        for label in load_taxonomy("jp-secret-patent-25", on).labels
        for rule in label.ipc_rules
        if rule.topic_limit
    }
    assert len(limits) == 2
    assert all(law.topic(limit).terms.ja for limit in limits)
