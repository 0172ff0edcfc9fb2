import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critech_labels import IpcSymbol, parse_symbol, parse_symbols


@pytest.mark.parametrize(
    "text",
    [
        "F42B 15/01",
        "F42B15/01",
        "f42b 15/01",
        "F42B 015/01",
        "F42B 15/01 (2006.01)",
        "F42B 15/01 (2006.01)I",
        "F42B  15/01",
        "F42B0015010000",
        "Ｆ４２Ｂ １５／０１",
        "F42B 15/010000",
        "F42B-15/01",
        "F42B 15:01",
        "Int. Cl. F42B 15/01",
        "Int.Cl.7: F42B 15/01",
        "IPC: F42B 15/01",
        "F42B  15/01        20060101AFI20240501BHJP",
    ],
)
def test_one_symbol_in_many_spellings(text: str) -> None:
    assert parse_symbol(text) == IpcSymbol("F42B", 15, "01")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("G06F0021860000", "G06F21/86"),
        ("H10F0030221000", "H10F30/221"),
        ("B64U 2201/10", "B64U2201/10"),
        ("G01S 7/00", "G01S7/00"),
        ("G01S 15", "G01S15"),
        ("B63G", "B63G"),
        ("F41", "F41"),
        ("G01S 7/5200", "G01S7/52"),
        ("Y02E 30/30", "Y02E30/30"),
    ],
)
def test_levels_and_fixed_width(text: str, expected: str) -> None:
    assert str(parse_symbol(text)) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "F42", "I42B 15/01", "F42B 15/1", "F42B 15/", "F42B 0/01", "42B 15/01",
             "F42B 15/01x", "F42B 15/1234567", "F42B 12345/01", "torpedo",
             "F42B15/01F", "G06F002186", "F42B 15/0\u0661", "F\u0664\u0662B"]
)  # fmt: skip
def test_what_is_not_a_symbol(text: str) -> None:
    if text == "F42":
        assert parse_symbol(text) == IpcSymbol("F42")
        return
    with pytest.raises(ValueError, match="not an IPC symbol"):
        parse_symbol(text)


def test_lists_in_every_separator() -> None:
    parsed = parse_symbols(
        ["F42B 15/01, G05D 1/00; B64U 10/00", "F41A 1/00、H04K 3/00\nG01S 15/88 G21J 1/00"]
    )
    assert [str(s) for s in parsed.symbols] == [
        "F42B15/01", "G05D1/00", "B64U10/00", "F41A1/00", "H04K3/00", "G01S15/88", "G21J1/00",
    ]  # fmt: skip
    assert parsed.malformed == ()


@pytest.mark.parametrize(
    "text",
    [
        "F42B 15/01 (2006.01) F41G 7/22 (2006.01)",
        "F42B15/01(2006.01)F41G7/22(2006.01)",
        "F42B 15/01 (2006.01) A F41G 7/22 (2006.01) I",
        "F42B 15/01 (2006.01)AFI F41G 7/22 (2006.01)ALI",
    ],
)
def test_versions_within_a_list_of_blanks(text: str) -> None:
    parsed = parse_symbols([text])
    assert [str(s) for s in parsed.symbols] == ["F42B15/01", "F41G7/22"]
    assert parsed.malformed == ()


def test_malformed_pieces_are_reported_as_given_and_repeats_folded() -> None:
    parsed = parse_symbols(["F42B 15/01; ｎｏｎｓｅｎｓｅ; f42b15/01", "F42B 15/1"])
    assert [str(s) for s in parsed.symbols] == ["F42B15/01"]
    assert parsed.malformed == ("ｎｏｎｓｅｎｓｅ", "F42B 15/1")


def test_symbols_that_only_the_cpc_has() -> None:
    assert parse_symbol("B64U 2201/10").is_cpc_only
    assert parse_symbol("Y02E 30/30").is_cpc_only
    assert not parse_symbol("B64U 10/00").is_cpc_only


@given(st.text(max_size=60))
def test_any_text_is_read_or_reported(text: str) -> None:
    parsed = parse_symbols([text])
    if not parsed.symbols and not parsed.malformed:
        assert not re.sub(r"[,;|、，；]", "", text).strip()


@given(
    st.sampled_from("ABCDEFGH"),
    st.integers(1, 99),
    st.sampled_from("ABCDGHKSU"),
    st.integers(1, 9999),
    st.integers(0, 999),
)
def test_fixed_width_and_stroke_forms_agree(
    section: str, number: int, letter: str, group: int, sub: int
) -> None:
    subclass = f"{section}{number:02d}{letter}"
    digits = f"{sub:02d}"
    fixed = f"{subclass}{group:04d}{digits:0<6}"
    assert parse_symbol(fixed) == parse_symbol(f"{subclass} {group}/{digits}")
