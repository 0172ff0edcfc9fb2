import dataclasses
import datetime as dt
import json
import re

import pytest

from critech_labels import TAXONOMY_IDS, TaxonomyError, load_taxonomies, load_taxonomy, versions
from critech_labels.check import check_all, check_taxonomy
from critech_labels.export import snapshot
from critech_labels.taxonomy import parse_taxonomy
from critech_labels.texts import Bilingual


def test_the_shipped_data_is_sound() -> None:
    assert check_all() == []


@pytest.mark.parametrize(
    ("taxonomy_id", "top_level", "sub_items"),
    [
        ("jp-critical-20", 20, 0),
        ("jp-kprogram-50", 50, 0),
        ("jp-secret-patent-25", 25, 0),
        ("us-ecra-14", 14, 46),
    ],
)
def test_counts(taxonomy_id: str, top_level: int, sub_items: int) -> None:
    taxonomy = load_taxonomy(taxonomy_id)
    assert len(taxonomy.top_level()) == top_level
    assert len(taxonomy.labels) == top_level + sub_items


def test_the_visions_have_27_and_23_technologies() -> None:
    visions = [label.vision for label in load_taxonomy("jp-kprogram-50").labels]
    assert (visions.count(1), visions.count(2)) == (27, 23)


def test_the_order_has_47_items_and_fields_10_to_19_need_a_condition() -> None:
    labels = load_taxonomy("jp-secret-patent-25").labels
    items = {rule.order_item for label in labels for rule in label.ipc_rules}
    assert items == set(range(1, 48))
    needing = [label.code for label in labels if label.additional_condition]
    assert needing == [str(n) for n in range(10, 20)]


def test_codes_as_the_design_says() -> None:
    taxonomies = load_taxonomies()
    assert taxonomies["jp-kprogram-50"].codes() == tuple(f"K{n:02d}" for n in range(1, 51))
    assert taxonomies["jp-secret-patent-25"].codes() == tuple(f"{n:02d}" for n in range(1, 26))
    ecra = taxonomies["us-ecra-14"]
    assert [c.code for c in ecra.children("01")] == ["01.i", "01.ii", "01.iv", "01.v"]
    assert ecra.children("03") == () == ecra.children("09")
    assert ecra.label("02.iv").id == "us-ecra-14:02.iv"


def test_sub_items_follow_their_category() -> None:
    codes = load_taxonomy("us-ecra-14").codes()
    assert list(codes) == sorted(codes, key=lambda code: (code[:2], codes.index(code)))


def test_labels_and_taxonomies_are_frozen() -> None:
    taxonomy = load_taxonomy("jp-critical-20")
    with pytest.raises(dataclasses.FrozenInstanceError):
        taxonomy.id = "other"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        taxonomy.labels[0].code = "99"  # type: ignore[misc]


def test_doubt_is_carried_over() -> None:
    critical = load_taxonomy("jp-critical-20")
    assert critical.label("14").title_status["ja"] == "verbatim"
    assert critical.label("15").title_status["ja"] == "provisional"
    secret = load_taxonomy("jp-secret-patent-25")
    assert secret.label("17").title_status["ja"] == "verbatim"
    assert all(label.title_status["en"] == "provisional" for label in secret.labels)


def test_the_version_in_force_is_chosen_by_date() -> None:
    assert versions("jp-secret-patent-25") == ("2024-05-01", "2025-01-01")
    before = load_taxonomy("jp-secret-patent-25", dt.date(2024, 12, 31))
    after = load_taxonomy("jp-secret-patent-25", dt.date(2025, 1, 1))
    assert (before.version, after.version) == ("2024-05-01", "2025-01-01")
    pairs = list(zip(before.labels, after.labels, strict=True))
    assert [old.code for old, new in pairs if old.ipc_rules != new.ipc_rules] == ["17", "19"]
    symbols = [[rule.all_of for rule in one.label("19").ipc_rules] for one in (before, after)]
    assert symbols[0] == symbols[1]
    assert before.label("19").ipc_rules[0].order_item is None  # its older number was not read
    assert before.label("03") == after.label("03")


def test_a_taxonomy_is_in_force_once_all_of_its_labels_are() -> None:
    programme = load_taxonomy("jp-kprogram-50")
    assert programme.effective_from == dt.date(2022, 9, 16)
    assert not programme.in_force(dt.date(2022, 10, 1))  # K28 to K50 came a year later
    assert programme.in_force(dt.date(2023, 8, 28))
    assert not load_taxonomy("jp-secret-patent-25").in_force(dt.date(2024, 12, 31))


def test_a_date_before_the_first_version_gives_the_first() -> None:
    assert load_taxonomy("jp-secret-patent-25", dt.date(2020, 1, 1)).version == "2024-05-01"


@pytest.mark.parametrize("taxonomy_id", TAXONOMY_IDS)
def test_a_snapshot_reads_back_equal(taxonomy_id: str) -> None:
    for version in versions(taxonomy_id):
        taxonomy = load_taxonomy(taxonomy_id, dt.date.fromisoformat(version))
        assert parse_taxonomy(json.loads(json.dumps(snapshot(taxonomy)))) == taxonomy


def test_coverage_says_what_is_modelled_and_what_not() -> None:
    coverages = {key: taxonomy.coverage for key, taxonomy in load_taxonomies().items()}
    assert {key: found.status for key, found in coverages.items() if found} == {
        "jp-critical-20": "modelled",
        "jp-kprogram-50": "partial",
        "jp-secret-patent-25": "modelled",
        "us-ecra-14": "partial",
    }
    for found in coverages.values():
        assert found
        assert "not modelled" in found.text.en.lower()
        assert "扱わない" in found.text.ja


def test_an_edition_that_was_not_read_counts_no_items() -> None:
    newer = load_taxonomy("jp-secret-patent-25")
    older = load_taxonomy("jp-secret-patent-25", dt.date(2024, 6, 1))
    for taxonomy, counted in ((newer, True), (older, False)):
        assert taxonomy.coverage
        said = (taxonomy.coverage.text.en, taxonomy.coverage.text.ja, " ".join(taxonomy.notes))
        assert [re.search(r"\b47\b|47項目", text) is not None for text in said] == [counted] * 3
        assert "additional condition" in said[0] and "付加要件" in said[1]
    assert "47" not in older.verification and "was not read" in older.verification


def test_pointers_name_rules_and_determine_nothing() -> None:
    taxonomy = load_taxonomy("us-ecra-14")
    assert taxonomy.coverage
    assert "no ECCN determination" in taxonomy.coverage.text.en
    assert "ECCNの該非判定ではない" in taxonomy.coverage.text.ja
    dates = [pointer.date for pointer in taxonomy.pointers]
    assert dates == sorted(dates) and len(dates) == 10
    software = next(p for p in taxonomy.pointers if p.citation == "86 FR 54814")
    assert software.eccns == ("2D352",)
    assert (software.date, software.proposed) == (dt.date(2021, 10, 5), dt.date(2020, 11, 6))
    assert software.labels == ("us-ecra-14:01", "us-ecra-14:01.ii")
    eccns = [eccn for pointer in taxonomy.pointers for eccn in pointer.eccns]
    assert {"2E903", "4E906", "3A069"} <= set(eccns)
    others = [load_taxonomy(other).pointers for other in TAXONOMY_IDS[:3]]
    assert others == [(), (), ()]


def test_a_snapshot_older_than_coverage_still_reads() -> None:
    taxonomy = load_taxonomy("us-ecra-14")
    raw = snapshot(taxonomy)
    del raw["coverage"], raw["pointers"]
    older = parse_taxonomy(raw)
    assert older.coverage is None and older.pointers == ()
    assert older == dataclasses.replace(taxonomy, coverage=None, pointers=())
    assert not {"coverage", "pointers"} & snapshot(older).keys()
    assert check_taxonomy(older) == [
        "us-ecra-14: coverage is missing: say what of the instrument is modelled"
    ]


def test_broken_coverage_and_pointers_are_named() -> None:
    raw = snapshot(load_taxonomy("us-ecra-14"))
    raw["coverage"]["status"] = "complete"
    with pytest.raises(TaxonomyError, match="us-ecra-14: coverage status 'complete', expected one"):
        parse_taxonomy(raw)
    raw["coverage"] = {"status": "partial", "text": {"en": "A part."}}
    with pytest.raises(TaxonomyError, match="us-ecra-14: coverage has no text in 'ja'"):
        parse_taxonomy(raw)
    raw = snapshot(load_taxonomy("us-ecra-14"))
    del raw["pointers"][4]["eccns"]
    with pytest.raises(TaxonomyError, match="pointer '86 FR 54814': missing field 'eccns'"):
        parse_taxonomy(raw)


def test_the_check_finds_pointers_that_lead_nowhere() -> None:
    taxonomy = load_taxonomy("us-ecra-14")
    first = taxonomy.pointers[0]
    broken = (
        dataclasses.replace(first, labels=("us-ecra-14:15",), confidence=1.2),
        dataclasses.replace(first, note=None, eccns=()),
    )
    where = f"us-ecra-14: pointer {first.citation!r}"
    assert check_taxonomy(dataclasses.replace(taxonomy, pointers=broken)) == [
        f"{where} names 'us-ecra-14:15', which does not exist",
        f"{where} has confidence 1.2, expected 0 to 1",
        f"{where} names no label and gives no note why",
        f"{where} names no ECCN",
    ]


def test_unknown_ids_and_codes_are_named() -> None:
    with pytest.raises(TaxonomyError, match=r"unknown taxonomy 'jp-secret'.*jp-secret-patent-25"):
        load_taxonomy("jp-secret")
    with pytest.raises(TaxonomyError, match="jp-critical-20 has no label '21'"):
        load_taxonomy("jp-critical-20").label("21")


def test_a_broken_file_is_named() -> None:
    raw = snapshot(load_taxonomy("jp-critical-20"))
    raw["labels"][3]["definition"]["ja"] = " "
    with pytest.raises(TaxonomyError, match="jp-critical-20:04: definition has no text in 'ja'"):
        parse_taxonomy(raw)
    raw = snapshot(load_taxonomy("jp-critical-20"))
    del raw["labels"][3]["source"]
    with pytest.raises(TaxonomyError, match="jp-critical-20:04: missing field 'source'"):
        parse_taxonomy(raw)
    raw = snapshot(load_taxonomy("jp-critical-20"))
    raw["labels"][3]["code"] = "03"
    with pytest.raises(TaxonomyError, match="duplicate codes \\['03'\\]"):
        parse_taxonomy(raw)


def test_the_check_finds_what_is_missing() -> None:
    taxonomy = load_taxonomy("jp-secret-patent-25")
    shorter = dataclasses.replace(taxonomy, labels=taxonomy.labels[:-1])
    problems = check_taxonomy(shorter)
    assert "jp-secret-patent-25: 24 labels, expected 25" in problems
    assert any("order items missing [36, 38]" in problem for problem in problems)
    terse = dataclasses.replace(taxonomy.labels[0], definition=Bilingual("Too short.", "短い。"))
    problems = check_taxonomy(dataclasses.replace(taxonomy, labels=(terse, *taxonomy.labels[1:])))
    assert any("01: English definition has 2 words" in problem for problem in problems)
    assert any("01: Japanese definition has 2 characters" in problem for problem in problems)
