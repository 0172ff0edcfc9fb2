import datetime as dt

import pytest

from critech_labels import load_taxonomy, match_fields

OLD = dt.date(2024, 12, 31)


def met(*symbols: str, on: dt.date | None = None) -> dict[str, str]:
    return {field.code: field.match for field in match_fields(symbols, on).fields}


@pytest.mark.parametrize("label", load_taxonomy("jp-secret-patent-25").labels, ids=lambda x: x.code)
def test_every_item_is_met_by_its_own_symbols(label) -> None:  # type: ignore[no-untyped-def]
    for rule in label.ipc_rules:
        for position, group in enumerate(rule.all_of):
            for listed in group:
                symbols = [other[0] for at, other in enumerate(rule.all_of) if at != position]
                found = match_fields([*symbols, listed])
                field = next(f for f in found.fields if f.code == label.code)
                assert field.match == "exact"
                assert rule.order_item in field.items


def test_half_of_a_conjunction_is_not_met() -> None:
    assert "01" not in met("B64C 1/00")
    assert "01" not in met("F41H 3/00")
    assert met("B64C 1/00", "F41H 3/00")["01"] == "exact"
    assert met("B64U 10/00") == {}
    assert met("B64U 10/00", "F41A 1/00") == {"02": "exact"}
    assert met("G01S 15/88") == {}
    assert met("G01S 15/88", "F41G 3/00") == {"09": "exact"}
    assert met("G01S 15/88", "B63G 9/02") == {"14": "exact"}


def test_a_main_group_is_a_whole_number() -> None:
    assert met("F41G 7/22") == {"03": "exact"}
    assert met("F41G 70/22") == {}
    assert met("F41B 6/00") == {"05": "exact"}
    assert met("F41B 60/00") == {}
    assert met("G21J 1/00") == {"23": "exact"}
    assert met("G21J 10/00") == {}


def test_exact_and_subgroup_are_told_apart() -> None:
    assert met("B64C 39/02", "F41A 1/00") == {"02": "exact"}
    assert met("B64C 39/024", "F41A 1/00") == {"02": "subgroup"}
    assert met("B64C 1/00", "F41H 3/02") == {"01": "subgroup"}
    assert met("F02K 9/08") == {"11": "exact"}
    assert met("F02K 9/083") == {"11": "subgroup"}
    assert met("F02K 9/42") == {}
    assert met("F02K 7/10") == {}


def test_the_split_item_13() -> None:
    assert met("B63G 8/28") == {"08": "exact"}
    assert met("B63G 8/14") == {"12": "exact"}
    assert met("B63G 8/42")["12"] == "subgroup"  # below B63G8/00, not listed itself


def test_a_symbol_listed_elsewhere_still_counts_below() -> None:
    assert met("B63C 11/48", "G05D 1/00") == {"13": "subgroup"}
    assert met("B63C 11/00", "G05D 1/00") == {"13": "exact"}


def test_exact_items_are_not_mixed_with_sub_groups() -> None:
    (field,) = match_fields(["G01J 1/02", "H10F 30/2215"]).fields
    assert (field.match, field.items, field.symbols) == ("exact", (40,), ("G01J1/02",))
    assert [(rule.order_item, rule.match) for rule in field.rules] == [
        (40, "exact"),
        (46, "subgroup"),
    ]


def test_editions_are_chosen_by_date() -> None:
    assert met("H01L 31/101", on=OLD) == {"17": "exact"}
    assert met("H01L 31/101") == {}
    assert met("H10F 30/21") == {"17": "exact"}
    assert met("H10F 30/21", on=OLD) == {}
    assert met("G01J 1/02", on=OLD) == met("G01J 1/02") == {"17": "exact"}
    assert match_fields(["H04K 3/00"], OLD).edition == "2024-05-01"


def test_topic_limits_are_reported() -> None:
    found = match_fields(["B01D 59/20"]).as_dict()["fields"]
    assert isinstance(found, list)
    assert found[0]["code"] == "20"
    assert found[0]["topic_limit"] == {"en": "uranium or plutonium", "ja": "ウラン又はプルトニウム"}
    free = match_fields(["C01B 5/02"]).as_dict()["fields"]
    assert isinstance(free, list)
    assert free[0]["topic_limit"] is None


def test_cpc_only_symbols_are_no_match_and_nothing_is_dropped() -> None:
    found = match_fields(["B64U 2201/10", "F41A 1/00", "what"])
    assert found.fields == ()
    assert found.cpc_only == ("B64U2201/10",)
    assert found.malformed == ("what",)


def test_json_form() -> None:
    assert match_fields(["F42B 15/01; F42B 10/02"]).as_dict() == {
        "edition": "2025-01-01",
        "fields": [
            {
                "code": "03",
                "items": [39],
                "symbols": ["F42B15/01"],
                "match": "exact",
                "topic_limit": None,
            },
            {
                "code": "04",
                "items": [37],
                "symbols": ["F42B10/02"],
                "match": "exact",
                "topic_limit": None,
            },
        ],
        "malformed": [],
        "cpc_only": [],
    }
