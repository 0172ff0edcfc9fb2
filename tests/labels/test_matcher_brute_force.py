"""The matcher against a second reading of the order, on random symbol sets.

The reading below shares nothing with ``critech_labels``: rules come from ``espa_rules.yaml``, and
every symbol becomes its 14 characters in the fixed-width form (``F42B0015010000``), cut to all the
prefixes under which the order may name it. Which rules are met is then a look-up of prefixes.
"""

from __future__ import annotations

import datetime as dt
import random
import string
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from critech_labels import load_taxonomy, match_fields

SEED = 20250101
N_PARTS = 10
N_SETS_PER_PART = 10_000
MAX_SYMBOLS = 6

RULES = yaml.safe_load((Path(__file__).parent / "espa_rules.yaml").read_text(encoding="utf-8"))
EDITIONS = {"before 2025": dt.date(2024, 6, 1), "since 2025": dt.date(2025, 6, 1)}

FULL_WIDTH = {ord(c): chr(ord(c) + 0xFEE0) for c in string.ascii_uppercase + string.digits + "/"}
HALF_WIDTH = {wide: chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}


# --- The second reading ---------------------------------------------------------------------------


def fixed_width(text: str) -> str:
    """Return a well-formed symbol in 14 characters; a class or subclass stays 3 or 4 long."""
    packed = text.translate(HALF_WIDTH).upper().split("(")[0].replace(" ", "")
    head, rest = packed[:4], packed[4:]
    if not rest or (len(packed) == 14 and "/" not in packed):
        return packed
    group, _, digits = rest.partition("/")
    return head + group.lstrip("0").rjust(4, "0") + (digits or "00").ljust(6, "0")


class Reading:
    """The order of one edition as three tables over prefixes of the fixed-width form."""

    def __init__(self, edition: str) -> None:
        self.whole: dict[str, set[tuple[int, int]]] = defaultdict(set)
        self.below: dict[str, set[tuple[int, int]]] = defaultdict(set)
        self.named_by_item: dict[int | None, set[str]] = defaultdict(set)
        self.rules: list[tuple[str, int | None, int]] = []
        for field in RULES["fields"]:
            old = edition == "before 2025"
            for rule in field["before_2025"] if old and "before_2025" in field else field["rules"]:
                self.add(f"{field['number']:02d}", rule["order_item"], rule["ipc_all_of"])

    def add(self, code: str, item: int | None, all_of: list[list[str]]) -> None:
        number = len(self.rules)
        self.rules.append((code, item, len(all_of)))
        for part, listed in enumerate(all_of):
            for text in listed:
                key = fixed_width(text)
                if "/" not in text:
                    self.whole[key[:8]].add((number, part))
                    continue
                self.whole[key].add((number, part))
                if item is not None:
                    self.named_by_item[item].add(key)
                stem = key[:8] if text.endswith("/00") else key[:8] + text.split("/")[1]
                self.below[stem].add((number, part))

    def kinds(self, texts: list[str]) -> dict[str, str]:
        """Return ``exact`` or ``subgroup`` for every field that the symbols meet."""
        parts_met: dict[str, set[tuple[int, int]]] = {"exact": set(), "subgroup": set()}
        for key in map(fixed_width, texts):
            if key[0] == "Y" or key[4:8] >= "2000":
                continue
            prefixes = {key[:length] for length in (3, 4, 8, len(key)) if length <= len(key)}
            for prefix in prefixes:
                parts_met["exact"] |= self.whole.get(prefix, set())
            for prefix in {key[:length] for length in (8, 10, 11, 12, 13, 14)}:
                for number, part in self.below.get(prefix, ()):
                    if key not in self.named_by_item[self.rules[number][1]]:
                        parts_met["subgroup"].add((number, part))
        either = parts_met["exact"] | parts_met["subgroup"]
        found: dict[str, str] = {}
        for number, (code, _, n_parts) in enumerate(self.rules):
            parts = {(number, part) for part in range(n_parts)}
            if parts <= parts_met["exact"]:
                found[code] = "exact"
            elif parts <= either:
                found.setdefault(code, "subgroup")
        return found


# --- The draw -------------------------------------------------------------------------------------


class Draw:
    """Random symbol sets around the listed symbols of both editions."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rules: list[list[list[str]]] = [
            rule["ipc_all_of"]
            for field in RULES["fields"]
            for rule in field["rules"] + field.get("before_2025", [])
        ]

    def symbols(self) -> list[str]:
        size = self.rng.randint(1, MAX_SYMBOLS)
        drawn: list[str] = []
        if self.rng.random() < 0.5:
            parts = self.rng.choice(self.rules)
            kept = parts if self.rng.random() < 0.7 else [self.rng.choice(parts)]
            drawn = [self.near(self.rng.choice(part)) for part in kept]
        while len(drawn) < size:
            random_one = self.rng.random() < 0.25
            drawn.append(self.anything() if random_one else self.near(self.listed()))
        drawn = drawn[:size]
        self.rng.shuffle(drawn)
        return [self.spelled(text) for text in drawn]

    def listed(self) -> str:
        """Return a listed symbol; every item counts alike, however long its list is."""
        return self.rng.choice(self.rng.choice(self.rng.choice(self.rules)))

    def near(self, listed: str) -> str:
        """Return a listed symbol, one that it covers, or one beside it."""
        text = self.filled(listed)
        change = self.rng.choice(("none", "none", "none", "longer", "cut", "digit", "group", "cpc"))
        head, stroke, digits = text.partition("/")
        if change == "longer":
            more = str(self.rng.randint(0, 99))
            return f"{head}/{digits}{more}" if stroke else f"{head}/{self.digits()}"
        if change == "cut":
            return self.rng.choice((head, text[:4], text[:3], f"{head}/{digits[:2] or '00'}"))
        if change == "digit" and digits:
            at = self.rng.randrange(len(digits))
            return f"{head}/{digits[:at]}{self.rng.randint(0, 9)}{digits[at + 1 :]}"
        if change == "group":
            group = self.rng.choice((f"{head[4:]}0", str(int(head[4:]) + 1), head[4:5]))
            return f"{head[:4]}{group}{stroke}{digits}"
        if change == "cpc":
            cpc = (f"{head[:4]}20{head[4:].zfill(2)[:2]}/10", "Y02E30/30", "Y10S901/01")
            return self.rng.choice(cpc)
        return text

    def filled(self, listed: str) -> str:
        """Return a group of a listed class or subclass; a group stays, now and then with digits."""
        if "/" in listed:
            return listed
        text = listed
        if len(text) == 3:
            text += self.rng.choice("ABCDGHU")
        if len(text) == 4:
            text += str(self.rng.randint(1, 99))
        return text if self.rng.random() < 0.2 else f"{text}/{self.digits()}"

    def anything(self) -> str:
        rng = self.rng
        subclass = f"{rng.choice('ABCDEFGH')}{rng.randint(1, 99):02d}{rng.choice('ABCDGHKSU')}"
        return f"{subclass}{rng.randint(1, 1999)}/{self.digits()}"

    def digits(self) -> str:
        return self.rng.choice(("00", "00", f"{self.rng.randint(0, 999):02d}"))

    def spelled(self, text: str) -> str:
        """Return one of the ways in which offices write the same symbol."""
        if len(text) <= 4:
            return self.rng.choice((text, text.lower()))
        way = self.rng.choice(("short", "short", "blank", "zeros", "edition", "wide", "fixed"))
        subclass, rest = text[:4], text[4:]
        group, stroke, digits = rest.partition("/")
        if way == "fixed":
            return fixed_width(text)
        return {
            "short": text,
            "blank": f"{subclass} {rest}".lower(),
            "zeros": f"{subclass} {group.zfill(4)}{stroke}{digits}",
            "edition": f"{subclass} {rest} (2006.01)",
            "wide": text.translate(FULL_WIDTH),
        }[way]


# --- The tests ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("part", range(N_PARTS))
def test_matcher_agrees_with_a_second_reading(part: int) -> None:
    readings = {edition: Reading(edition) for edition in EDITIONS}
    taxonomies = {
        edition: load_taxonomy("jp-secret-patent-25", on) for edition, on in EDITIONS.items()
    }
    draw = Draw(SEED + part)
    drawn: Counter[tuple[str, str]] = Counter()
    n_met = 0
    for _ in range(N_SETS_PER_PART):
        symbols = draw.symbols()
        edition = draw.rng.choice(tuple(EDITIONS))
        expected = readings[edition].kinds(symbols)
        found = match_fields(symbols, taxonomy=taxonomies[edition])
        assert not found.malformed, symbols
        assert {field.code: field.match for field in found.fields} == expected, (edition, symbols)
        n_met += bool(expected)
        drawn.update(expected.items())
    assert n_met > 0.4 * N_SETS_PER_PART
    assert_every_kind_was_drawn(drawn)


def assert_every_kind_was_drawn(drawn: Counter[tuple[str, str]]) -> None:
    """Every field was met exactly, and below a listed symbol wherever it lists one."""
    for field in RULES["fields"]:
        code = f"{field['number']:02d}"
        assert drawn[code, "exact"] >= 10, (code, drawn)
        listed: list[Any] = [
            text for rule in field["rules"] for part in rule["ipc_all_of"] for text in part
        ]
        if any("/" in text for text in listed):
            assert drawn[code, "subgroup"] >= 10, (code, drawn)


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        (["F42B 15/01"], {"03": "exact"}),
        (["F42B0150010000"], {}),
        (["B64", "f41h 3/02"], {"01": "subgroup"}),
        (["B63G 8/28"], {"08": "exact"}),
        (["B63G 8/42"], {"12": "subgroup"}),
        (["B64U 2201/10", "F41A 1/00"], {}),
        (["Ｇ０１Ｓ１５／８８", "B63G"], {"14": "exact"}),
    ],
)
def test_the_second_reading_itself(symbols: list[str], expected: dict[str, str]) -> None:
    assert Reading("since 2025").kinds(symbols) == expected
