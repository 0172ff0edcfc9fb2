import csv
import dataclasses
import io
import json

import pytest

from critech.cli import main
from critech_labels import Correspondence, TaxonomyError, correspondences, load_crosswalk
from critech_labels.check import check_all
from critech_labels.check_crosswalk import check_crosswalk
from critech_labels.crosswalk import (
    CSV_COLUMNS,
    INVERSE,
    Crosswalk,
    crosswalk_csv,
    parse_crosswalk,
    read_crosswalk,
)
from critech_labels.taxonomy import load_taxonomies
from critech_labels.texts import Bilingual

WHY = Bilingual("Both fly.", "ともに飛ぶ。")
RAW = {
    "status": "editorial",
    "as_of": "2026-11-22",
    "notice": {"en": "Ours.", "ja": "独自。"},
    "versions": {},
    "unmatched": [],
    "entries": [
        {
            "source": "jp-critical-20:18",
            "target": "us-ecra-14:12",
            "relation": "exact",
            "confidence": 0.9,
            "why": {"en": "Both fly.", "ja": "ともに飛ぶ。"},
        }
    ],
}


def link(source: str, relation: str, target: str, confidence: float = 0.5) -> Correspondence:
    return Correspondence(source, target, relation, WHY, confidence)  # type: ignore[arg-type]


def with_entries(*entries: Correspondence) -> Crosswalk:
    shipped = read_crosswalk()
    return dataclasses.replace(shipped, entries=(*shipped.entries, *entries))


def test_the_shipped_crosswalk_is_sound() -> None:
    assert check_crosswalk(read_crosswalk()) == []


def test_it_says_that_it_is_editorial() -> None:
    crosswalk = read_crosswalk()
    assert crosswalk.status == "editorial"
    assert crosswalk.as_of.isoformat() == "2026-11-22"
    assert "No authority" in crosswalk.notice.en and "当局" in crosswalk.notice.ja


def test_every_top_level_label_is_matched_or_said_to_be_unmatched() -> None:
    crosswalk = read_crosswalk()
    top_level = {label.id for t in load_taxonomies().values() for label in t.top_level()}
    matched = {end for entry in crosswalk.entries for end in (entry.source, entry.target)}
    assert top_level - matched == crosswalk.unmatched.keys()
    assert set(crosswalk.unmatched) == {f"jp-secret-patent-25:{n}" for n in ("04", "05", "06")}
    assert 150 <= len(crosswalk.entries) <= 250


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_reason_is_used_twice(language: str) -> None:
    reasons = [entry.why.get(language) for entry in load_crosswalk()]
    assert len(set(reasons)) == len(reasons)


@pytest.mark.parametrize(
    ("source", "relation", "target"),
    [
        ("jp-critical-20:09", "exact", "us-ecra-14:07"),
        ("us-ecra-14:07", "exact", "jp-critical-20:09"),
        ("jp-kprogram-50:K43", "broad", "us-ecra-14:09"),
        ("us-ecra-14:09", "narrow", "jp-kprogram-50:K43"),
        ("jp-secret-patent-25:10", "broad", "jp-critical-20:18"),
        ("jp-secret-patent-25:17", "related", "jp-kprogram-50:K11"),
        ("jp-kprogram-50:K23", "related", "jp-critical-20:19"),
    ],
)
def test_correspondences_are_seen_from_both_ends(source: str, relation: str, target: str) -> None:
    found = {entry.target: entry for entry in correspondences(source)}
    assert found[target].relation == relation
    assert {entry.source for entry in found.values()} == {source}
    (back,) = [entry for entry in correspondences(target) if entry.target == source]
    assert back == found[target].inverse()
    assert back.why == found[target].why and back.confidence == found[target].confidence


def test_turning_round_twice_gives_the_entry() -> None:
    assert {INVERSE[INVERSE[relation]] for relation in INVERSE} == set(INVERSE)
    assert all(entry.inverse().inverse() == entry for entry in load_crosswalk())


def test_labels_without_links_and_unknown_ones() -> None:
    assert correspondences("jp-secret-patent-25:05") == ()
    with pytest.raises(TaxonomyError, match="jp-critical-20 has no label '21'"):
        correspondences("jp-critical-20:21")
    with pytest.raises(TaxonomyError, match="unknown taxonomy 'jp-critical'"):
        correspondences("jp-critical:01")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (link("jp-critical-20:77", "broad", "us-ecra-14:01"), "'jp-critical-20:77' does not exist"),
        (link("us-ecra-14:01", "related", "us-ecra-14:06"), "both ends are in one taxonomy"),
        (link("jp-critical-20:09", "exact", "us-ecra-14:07"), "the pair occurs more than once"),
        (link("us-ecra-14:08", "related", "jp-critical-20:07"), "turn it round, jp-critical-20"),
        (link("jp-critical-20:07", "related", "us-ecra-14:08", 1.5), "confidence 1.5, expected"),
        (
            link("jp-secret-patent-25:05", "related", "us-ecra-14:08"),
            "jp-secret-patent-25:05 is matched and listed unmatched",
        ),
        (
            link("jp-secret-patent-25:10", "related", "us-ecra-14:12"),
            "related, but other links make one broader than the other",
        ),
        (
            link("jp-critical-20:03", "related", "us-ecra-14:02.x"),
            "related, but other links make one broader than the other",
        ),
        (
            link("jp-critical-20:18", "broad", "us-ecra-14:12.ii"),
            "other links make a label broader than itself",
        ),
        (
            link("jp-critical-20:10", "exact", "us-ecra-14:07"),
            "jp-critical-20:09 and jp-critical-20:10 of one taxonomy share an exact match",
        ),
    ],
)
def test_the_check_finds_a_bad_entry(entry: Correspondence, problem: str) -> None:
    assert any(problem in found for found in check_crosswalk(with_entries(entry)))


def test_the_check_finds_what_is_missing_or_out_of_date() -> None:
    shipped = read_crosswalk()
    fewer = dataclasses.replace(
        shipped,
        entries=tuple(e for e in shipped.entries if "us-ecra-14:08" not in (e.source, e.target)),
        versions={**shipped.versions, "us-ecra-14": "2018-11-18"},
        status="official",
    )
    problems = check_crosswalk(fewer)
    assert "crosswalk: us-ecra-14:08 is neither matched nor listed unmatched" in problems
    assert "crosswalk: status 'official', expected 'editorial'" in problems
    assert any("2018-11-18" in problem for problem in problems)
    extra = dataclasses.replace(shipped, unmatched={**shipped.unmatched, "us-ecra-14:02.i": WHY})
    found = check_crosswalk(extra)
    assert "crosswalk: 'us-ecra-14:02.i', listed unmatched, is no top-level label" in found
    swapped = link("jp-critical-20:07", "related", "us-ecra-14:08")
    swapped = dataclasses.replace(swapped, why=Bilingual("ともに運ぶ。", "Both carry."))
    assert any("not in its language" in p for p in check_crosswalk(with_entries(swapped)))


def test_check_all_checks_the_crosswalk(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = with_entries(link("us-ecra-14:01", "related", "us-ecra-14:06"))
    monkeypatch.setattr("critech_labels.check.read_crosswalk", lambda: bad)
    assert check_all() == [
        "crosswalk: us-ecra-14:01 to us-ecra-14:06: both ends are in one taxonomy"
    ]


def test_a_broken_file_is_named() -> None:
    assert parse_crosswalk(RAW).entries[0].relation == "exact"
    entry = RAW["entries"][0]
    for field, value, message in (
        ("relation", "same", "18 to us-ecra-14:12: relation 'same', expected one of exact"),
        ("why", {"en": "Both fly."}, "18 to us-ecra-14:12 has no text in 'ja'"),
    ):
        with pytest.raises(TaxonomyError, match=message):
            parse_crosswalk({**RAW, "entries": [{**entry, field: value}]})  # type: ignore[dict-item]
    short = {key: value for key, value in entry.items() if key != "confidence"}  # type: ignore[attr-defined]
    with pytest.raises(TaxonomyError, match="missing field 'confidence'"):
        parse_crosswalk({**RAW, "entries": [short]})
    twice = [{"label": "us-ecra-14:03", "why": {"en": "None.", "ja": "なし。"}}] * 2
    with pytest.raises(TaxonomyError, match="us-ecra-14:03 is listed unmatched twice"):
        parse_crosswalk({**RAW, "unmatched": twice})


def test_csv_has_a_row_for_every_entry() -> None:
    rows = list(csv.DictReader(io.StringIO(crosswalk_csv(load_crosswalk()))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(row["source"], row["target"]) for row in rows] == [
        (entry.source, entry.target) for entry in load_crosswalk()
    ]
    row = next(r for r in rows if r["source"] == "jp-critical-20:18" and r["relation"] == "exact")
    assert (row["source_title_en"], row["target_title_en"]) == ("Hypersonics", "Hypersonics")
    assert row["confidence"] == "0.9" and "Mach 5" in row["why_en"] and "マッハ5" in row["why_ja"]


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "crosswalk", "us-ecra-14:12.ii"]) == 0
    out = capsys.readouterr().out
    assert "  narrow  0.92  jp-secret-patent-25:10  Scramjet engines and the like / スクラム" in out
    assert "editorial, as of 2026-11-22" in out
    assert main(["labels", "crosswalk", "jp-secret-patent-25:05"]) == 0
    assert "no counterpart" in capsys.readouterr().out
    assert main(["labels", "crosswalk", "us-ecra-14:08.iii"]) == 0
    assert "no correspondence is recorded" in capsys.readouterr().out
    assert main(["labels", "crosswalk", "us-ecra-14:12.ii", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main(["labels", "crosswalk", "us-ecra-14:77"]) == 1
    assert "us-ecra-14 has no label '77'" in capsys.readouterr().err


def test_command_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "crosswalk", "--format", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["status"] == "editorial"
    assert len(printed["correspondences"]) == len(load_crosswalk())
    assert [entry["label"][-2:] for entry in printed["unmatched"]] == ["04", "05", "06"]
    assert main(["labels", "crosswalk", "jp-critical-20:12", "--format", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {entry["source"] for entry in printed["correspondences"]} == {"jp-critical-20:12"}
    assert printed["unmatched"] == []
