"""Whole filings of ``filings.yaml`` through rule, text, conditions, dates and verdict."""

from __future__ import annotations

import calendar
import dataclasses
import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from critech import Classifier
from critech.screening.filing import Filing
from critech.screening.intake import CONDITIONS, filing_from_json
from critech.screening.reasons import REASONS
from critech.screening.screen import Screener
from critech.text import detect_language
from critech_labels import match_fields
from critech_labels.ipc import parse_symbols

Case = dict[str, Any]
CASES: list[Case] = yaml.safe_load(
    (Path(__file__).parent / "filings.yaml").read_text(encoding="utf-8")
)
NOT_OF_THE_FILING = ("why", "as_of", "repeat", "expect")
EXPECTED = {"verdict", "reasons", "fields", "absent", "dates", "foreign_filing"}
# how well a score is calibrated, and what a text is like, is the model's affair
OF_THE_MODEL = {"calibration_thin", "out_of_distribution", "near_the_fields"}


@pytest.fixture(scope="module")
def screener(classifier: Classifier) -> Screener:
    return Screener(classifier)


@pytest.fixture(scope="module")
def alone(screener: Screener) -> Callable[[Case], dict[str, Any]]:
    """Screen a case by itself, once."""
    kept: dict[str, dict[str, Any]] = {}

    def screen(case: Case) -> dict[str, Any]:
        if case["id"] not in kept:
            found = screener.screen([as_filing(case)], explain=False, as_of=case.get("as_of"))
            kept[case["id"]] = found.as_dict()["results"][0]
        return kept[case["id"]]

    return screen


def as_filing(case: Case) -> Filing:
    row = {name: value for name, value in case.items() if name not in NOT_OF_THE_FILING}
    if "filing_date" in row:
        row["filing_date"] = row["filing_date"].isoformat()
    for section, times in case.get("repeat", {}).items():
        row[section] = " ".join([row[section]] * times)
    return filing_from_json(row, case["id"])


def as_in_a_case(field: dict[str, Any]) -> dict[str, Any]:
    """Return a reported field as the cases write it."""
    limit = field["ipc_rule"]["topic_limit"]
    return {
        "outcome": field["outcome"],
        "standing": field["standing"],
        "rule": field["ipc_rule"]["met"],
        "topic": None if limit is None else limit["state"],
        "section": field["text"]["section"],
        "conflict": field["conflict"],
        "condition": field["additional_condition"]["state"],
        "waived_by": field["additional_condition"]["waived_by"],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_filing(case: Case, alone: Callable[[Case], dict[str, Any]]) -> None:
    result, expect, why = alone(case), case["expect"], case["why"]
    fields = {field["code"]: as_in_a_case(field) for field in result["fields"]}
    assert result["verdict"] == expect["verdict"], (why, fields)
    given = [{"code": reason["code"], "field": reason["field"]} for reason in result["reasons"]]
    for reason in expect.get("reasons", []):
        assert reason in given, why
    for code, wanted in expect.get("fields", {}).items():
        assert code in fields, (code, why)
        assert {name: fields[code][name] for name in wanted} == wanted, (code, why)
    for code in expect.get("absent", []):
        assert code not in fields or fields[code]["outcome"] == "no_indication", (code, why)
    assert result["foreign_filing"]["ban"] == expect["foreign_filing"], why
    periods = (result["dates"] or {"periods": []})["periods"]
    dates = {period["id"]: dt.date.fromisoformat(period["last_day"]) for period in periods}
    assert dates == expect.get("dates", {}), why


def test_a_result_depends_on_its_filing_alone(
    screener: Screener, alone: Callable[[Case], dict[str, Any]]
) -> None:
    for as_of in {case.get("as_of") for case in CASES}:
        cases = [case for case in CASES if case.get("as_of") == as_of]
        together = screener.screen(map(as_filing, cases), explain=False, as_of=as_of)
        for case, result in zip(cases, together.as_dict()["results"], strict=True):
            assert result == alone(case), case["id"]


def test_a_section_too_short_to_tell_is_a_warning_and_not_a_verdict(screener: Screener) -> None:
    short = Filing("A drawer hinge", "A hinge with a damper for a drawer that closes.")
    longer = "A cabinet has a drawer, a rail and a hinge whose damper closes the drawer softly. "
    both = dataclasses.replace(short, claims=longer * 3)
    alone, beside = screener.screen([short, both], explain=False).results
    for result in (alone, beside):
        assert [warning.code for warning in result.warnings] == ["distribution_unknown"]
    assert (alone.verdict, beside.verdict) == ("review", "no_indication")
    assert [reason["code"] for reason in alone.as_dict()["reasons"]] == ["short_text"]


@pytest.mark.parametrize("wrong", [None, "A door.", {"title": "Door"}], ids=repr)
def test_what_is_no_filing_is_named(screener: Screener, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"filings\[0\]: expected a Filing, got "):
        screener.screen([wrong])
    with pytest.raises(TypeError, match="filings: expected an iterable of Filings, got "):
        screener.screen(wrong)


def test_the_table_is_well_formed() -> None:
    known = {*Filing.__dataclass_fields__, *NOT_OF_THE_FILING}
    assert [name for name, n in Counter(case["id"] for case in CASES).items() if n > 1] == []
    for case in CASES:
        assert case.keys() <= known, case["id"]
        assert case["why"].strip(), case["id"]
        assert {"verdict", "foreign_filing"} <= case["expect"].keys() <= EXPECTED, case["id"]
        dated = case.get("filing_date", dt.date.min) >= START
        assert dated == ("dates" in case["expect"]), case["id"]
        assert {reason["code"] for reason in case["expect"].get("reasons", [])} <= REASONS.keys()


def language(case: Case) -> str:
    return detect_language(case["abstract"])


def reasons(case: Case) -> set[str]:
    return {reason["code"] for reason in case["expect"].get("reasons", [])}


def expected(case: Case, name: str) -> set[Any]:
    """Return what a case expects of any of its fields under a name, lists by their members."""
    found = [field[name] for field in case["expect"].get("fields", {}).values() if name in field]
    return set(itertools.chain(*(one if isinstance(one, list) else [one] for one in found)))


def answers(case: Case) -> list[str]:
    return [case.get("conditions", {}).get(name, "unknown") for name in CONDITIONS]


def hits(case: Case) -> set[str]:
    found = match_fields(case.get("ipc", []), case.get("as_of") or case.get("filing_date"))
    return {field.code for field in found.fields}


def starts(case: Case, *prefixes: str) -> bool:
    return any(symbol.startswith(prefixes) for symbol in case.get("ipc", []))


def all_cpc_only(case: Case) -> bool:
    parsed = parse_symbols(case.get("ipc", []))
    return bool(parsed.symbols) and all(symbol.is_cpc_only for symbol in parsed.symbols)


def on(case: Case) -> dt.date:
    day: dt.date = case.get("filing_date", dt.date.max)
    return day


NEW = dt.date(2025, 1, 1)
START = dt.date(2024, 5, 1)
COVERED: dict[str, Callable[[Case], bool]] = {
    "symbols right": lambda c: "rule_and_text" in reasons(c),
    "symbols missing": lambda c: "ipc" not in c and "ipc_not_given" in reasons(c),
    "symbols wrong": lambda c: reasons(c) >= {"text_without_rule"} and not hits(c),
    "symbols contradictory": lambda c: reasons(c) >= {"text_without_rule", "rule_without_text"},
    "symbols malformed beside right ones": lambda c: (
        reasons(c) >= {"ipc_unreadable", "rule_and_text"}
    ),
    "symbols malformed alone": lambda c: "ipc_unreadable" in reasons(c) and not hits(c),
    "symbols of the CPC alone, in a field": lambda c: (
        all_cpc_only(c) and "ipc_not_given" in reasons(c)
    ),
    "symbols of the CPC alone, civil": lambda c: all_cpc_only(c) and not c["expect"].get("fields"),
    "symbols below a listed one": lambda c: "rule_by_subgroup_only" in reasons(c),
    "old symbols in the new edition": lambda c: (
        starts(c, "H01L") and NEW <= on(c) < dt.date.max and "rule_of_other_edition" in reasons(c)
    ),
    "new symbols in the old edition": lambda c: (
        starts(c, "H10F") and on(c) < NEW and "rule_of_other_edition" in reasons(c)
    ),
    "edition by the day asked for": lambda c: "as_of" in c and "rule_and_text" in reasons(c),
    **{
        f"{name} alone": lambda c, name=name: (
            answers(c) == ["yes" if name == one else "no" for one in CONDITIONS]
            and {"rule_and_text", "condition_met"} <= reasons(c)
            and c["expect"]["verdict"] == "refer"
        )
        for name in CONDITIONS
    },
    "conditions all no": lambda c: answers(c) == ["no"] * 4 and "condition_not_met" in reasons(c),
    "conditions all unknown": lambda c: (
        answers(c) == ["unknown"] * 4 and "condition_unknown" in reasons(c)
    ),
    "conditions yes and unknown": lambda c: (
        set(answers(c)) == {"yes", "unknown"} and "condition_met" in reasons(c)
    ),
    "conditions no and unknown": lambda c: (
        set(answers(c)) == {"no", "unknown"} and "condition_unknown" in reasons(c)
    ),
    **{
        f"condition waived, {tongue}": lambda c, tongue=tongue: (
            language(c) == tongue
            and answers(c) == ["no"] * 4
            and "condition_waived_by_other_field" in reasons(c)
            and bool(expected(c, "waived_by"))
        )
        for tongue in ("en", "ja")
    },
    "two conditional fields, nothing waived": lambda c: (
        len(c["expect"].get("fields", {})) > 1 and expected(c, "condition") == {"not_met"}
    ),
    **{
        f"topic of field {code} {state}, {tongue}": lambda c, want=(code, state, tongue): (
            language(c) == want[2]
            and c["expect"].get("fields", {}).get(want[0], {}).get("topic") == want[1]
        )
        for code in ("17", "20")
        for state in ("met", "unmet")
        for tongue in ("en", "ja")
    },
    "the day before the system": lambda c: on(c) == START - dt.timedelta(days=1),
    "the first day of the system": lambda c: on(c) == START and c["expect"]["verdict"] == "refer",
    **{
        f"filed on {month}-{day}": lambda c, want=(month, day): (
            (on(c).month, on(c).day) == want and not calendar.isleap(on(c).year)
        )
        for month, day in [(1, 31), (2, 28), (4, 30), (8, 31), (11, 30)]
    },
    "filed on 29 February": lambda c: (on(c).month, on(c).day) == (2, 29),
    "filed on 28 February of a leap year": lambda c: (
        (on(c).month, on(c).day) == (2, 28) and calendar.isleap(on(c).year)
    ),
    "ending on 29 February": lambda c: any(
        (day.month, day.day) == (2, 29) for day in c["expect"].get("dates", {}).values()
    ),
    "already public": lambda c: (
        c.get("already_public") == "yes"
        and (c["expect"]["verdict"], c["expect"]["foreign_filing"]) == ("refer", "not_indicated")
    ),
    "not made in Japan": lambda c: (
        c.get("invented_in_japan") == "no"
        and (c["expect"]["verdict"], c["expect"]["foreign_filing"]) == ("refer", "not_indicated")
    ),
    "too short": lambda c: "short_text" in reasons(c),
    "a coarse symbol, topic unmet": lambda c: (
        reasons(c) >= {"topic_limit_unmet"} and expected(c, "rule") == {"coarse"}
    ),
    "another section that cannot be read": lambda c: (
        reasons(c) >= {"language_unsupported", "rule_and_text"}
        and c["expect"]["verdict"] == "refer"
    ),
    "asked for a day before the system": lambda c: (
        c.get("as_of", START) < START <= on(c) and c["expect"]["verdict"] == "refer"
    ),
    "a third script": lambda c: language(c) == "und" and "language_unsupported" in reasons(c),
    "far too long": lambda c: "repeat" in c and "truncated" in reasons(c),
    "the claims alone": lambda c: expected(c, "section") == {"claims"},
    "the description alone": lambda c: expected(c, "section") == {"description"},
    **{
        f"civil, no symbol of the order, {tongue}": lambda c, tongue=tongue: (
            language(c) == tongue
            and "-civil-" in c["id"]
            and not hits(c)
            and c["expect"]["verdict"] == "no_indication"
        )
        for tongue in ("en", "ja")
    },
    **{
        f"civil, a symbol of the order, {tongue}": lambda c, tongue=tongue: (
            language(c) == tongue
            and "-civil-" in c["id"]
            and bool(hits(c))
            and reasons(c) >= {"rule_without_text"}
            and c["expect"]["verdict"] == "review"
        )
        for tongue in ("en", "ja")
    },
}


@pytest.mark.parametrize("name", COVERED)
def test_the_table_covers(name: str) -> None:
    assert any(COVERED[name](case) for case in CASES)


def test_the_table_is_broad() -> None:
    languages = Counter(language(case) for case in CASES)
    assert len(CASES) >= 48
    assert min(languages["en"], languages["ja"]) >= 18
    fields = {code for case in CASES for code in case["expect"].get("fields", {})}
    assert fields == {f"{number:02}" for number in range(1, 26)}
    assert set.union(*map(reasons, CASES)) >= REASONS.keys() - OF_THE_MODEL
    assert {case["expect"]["verdict"] for case in CASES} == {"refer", "review", "no_indication"}
