import dataclasses
import datetime as dt
import json
from pathlib import Path

import pytest

from critech.cli import main
from critech_labels import IpcRule, Taxonomy, TaxonomyError, load_taxonomy
from critech_labels.diff import FieldChange, RuleChange, diff, to_text
from critech_labels.export import snapshot
from critech_labels.taxonomy import parse_taxonomy
from critech_labels.texts import Bilingual

BUNDLE = Path(__file__).parents[2] / "models" / "bundles" / "default" / "labels.json"
OLD, NEW = "jp-secret-patent-25@2024-05-01", "jp-secret-patent-25@2025-01-01"


def secret(on: str) -> Taxonomy:
    return load_taxonomy("jp-secret-patent-25", dt.date.fromisoformat(on))


def with_rules(taxonomy: Taxonomy, code: str, *rules: IpcRule) -> Taxonomy:
    labels = tuple(
        dataclasses.replace(label, ipc_rules=rules) if label.code == code else label
        for label in taxonomy.labels
    )
    return dataclasses.replace(taxonomy, labels=labels)


def test_the_order_of_2025_changed_the_symbols_of_field_17_alone() -> None:
    found = diff(secret("2024-05-01"), secret("2025-01-01"))
    assert (found.old_version, found.new_version) == ("2024-05-01", "2025-01-01")
    assert (found.added, found.retired) == ((), ())
    paths = [change.path for change in found.header]
    assert paths == [
        "instrument.en", "instrument.ja", "effective_from", "verification", "notes",
        "coverage.text.en", "coverage.text.ja",
    ]  # fmt: skip
    assert found.header[2] == FieldChange("effective_from", "2024-05-01", "2025-01-01")
    field, numbered = found.changed
    assert (field.code, numbered.code) == ("17", "19")
    assert [(r.old.order_item, r.new.order_item) for r in numbered.rules] == [(None, 45)]
    assert numbered.rules[0].added == numbered.rules[0].removed == ()
    assert [change.path for change in field.fields] == ["note"]
    items = [
        (rule.old and rule.old.order_item, rule.new and rule.new.order_item) for rule in field.rules
    ]
    assert items == [(None, None), (None, None), (None, 46), (None, 47)]
    assert [len(rule.removed) for rule in field.rules] == [5, 18, 0, 0]
    assert field.rules[0].removed[:2] == ("H01L27/14", "H01L27/142")
    assert field.rules[3].added == ("H10F39/10", "H10F39/12", "H10F39/15", "H10F39/18")


def test_the_other_way_round_is_the_inverse() -> None:
    there, back = (
        diff(secret("2024-05-01"), secret("2025-01-01")),
        diff(secret("2025-01-01"), secret("2024-05-01")),
    )
    assert [(c.path, c.old, c.new) for c in there.header] == [
        (c.path, c.new, c.old) for c in back.header
    ]
    symbols = {s for rule in there.changed[0].rules for s in rule.added}
    assert symbols == {s for rule in back.changed[0].rules for s in rule.removed}


def test_equal_versions_do_not_differ() -> None:
    found = diff(secret("2025-01-01"), secret("2025-01-01"))
    assert not found
    assert to_text(found).splitlines()[-1] == "no difference"


def test_added_and_retired_labels_and_their_order() -> None:
    new = load_taxonomy("jp-critical-20")
    old = dataclasses.replace(new, labels=new.labels[:-1])
    assert diff(old, new).added == ("20",) and diff(old, new).changed == ()
    assert diff(new, old).retired == ("20",)
    assert diff(old, new).header == ()
    swapped = dataclasses.replace(new, labels=(new.labels[1], new.labels[0], *new.labels[2:]))
    (change,) = diff(new, swapped).header
    assert change.path == "label_order" and change.new[:2] == ["02", "01"]
    assert "the order changed" in to_text(diff(new, swapped))


def test_fields_are_named_to_the_leaf_and_lists_by_what_came_and_went() -> None:
    old = load_taxonomy("jp-critical-20")
    first = old.labels[0]
    aliases = dataclasses.replace(first.aliases, en=("gene art", *first.aliases.en[1:]))
    label = dataclasses.replace(
        first, title=Bilingual(first.title.en, "バイオテクノロジー"), aliases=aliases, note="New."
    )
    new = dataclasses.replace(old, labels=(label, *old.labels[1:]))
    (changed,) = diff(old, new).changed
    assert [change.path for change in changed.fields] == ["title.ja", "aliases.en", "note"]
    assert changed.fields[0] == FieldChange("title.ja", "バイオ技術", "バイオテクノロジー")
    assert changed.fields[2] == FieldChange("note", None, "New.")
    lines = to_text(diff(old, new)).splitlines()
    at = lines.index("  aliases.en")
    assert lines[at + 1 : at + 3] == [f"    - {first.aliases.en[0]}", "    + gene art"]


def test_rules_are_paired_by_content_and_then_by_item() -> None:
    base = secret("2025-01-01")
    kept, moved, changed = (
        IpcRule(1, (("F41",), ("G05D",))),
        IpcRule(2, (("F42B15",),)),
        IpcRule(3, (("G21C19/33", "G21C19/34"),)),
    )
    old = with_rules(base, "02", kept, moved, changed)
    moved_on = dataclasses.replace(moved, order_item=3)
    other = IpcRule(2, (("G21C19/34", "G21C19/36"),))
    new = with_rules(base, "02", kept, moved_on, other)
    rules = diff(old, new).changed[0].rules
    assert rules == (
        RuleChange(moved, moved_on, (), ()),
        RuleChange(changed, None, (), ("G21C19/33", "G21C19/34")),
        RuleChange(None, other, ("G21C19/34", "G21C19/36"), ()),
    )
    grown = IpcRule(3, (("G21C19/34", "G21C19/36"),))
    (rule,) = diff(old, with_rules(base, "02", kept, moved, grown)).changed[0].rules
    assert rule == RuleChange(changed, grown, ("G21C19/36",), ("G21C19/33",))
    either = IpcRule(1, (("F41", "G05D"),))
    found = diff(old, with_rules(base, "02", either, moved, changed))
    assert found.changed[0].rules == (RuleChange(kept, either, (), ()),)
    assert "the grouping of the symbols or the topic limit changed" in to_text(found)


def test_different_taxonomies_are_refused() -> None:
    with pytest.raises(TaxonomyError, match="cannot compare us-ecra-14 with jp-critical-20"):
        diff(load_taxonomy("us-ecra-14"), load_taxonomy("jp-critical-20"))


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "diff", OLD, NEW]) == 0
    out = capsys.readouterr().out
    assert out.startswith("jp-secret-patent-25: 2024-05-01 -> 2025-01-01\n")
    assert "  IPC rule, none -> item 47\n    + H10F39/10, H10F39/12, H10F39/15, H10F39/18\n" in out
    dates = ["jp-secret-patent-25@2024-12-31", "jp-secret-patent-25@2026-11-22"]
    assert main(["labels", "diff", *dates, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == diff(secret("2024-05-01"), secret("2025-01-01")).as_dict()
    assert printed["changed"][0]["rules"][2]["new"]["order_item"] == 46


def test_command_reads_snapshots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = tmp_path / "one.json"
    one.write_text(json.dumps(snapshot(secret("2024-05-01"))), encoding="utf-8")
    assert main(["labels", "diff", str(one), NEW]) == 0
    assert "2024-05-01 -> 2025-01-01" in capsys.readouterr().out
    assert main(["labels", "diff", f"{BUNDLE}@jp-secret-patent-25", f"{one}"]) == 0
    assert "2025-01-01 -> 2024-05-01" in capsys.readouterr().out


def test_the_snapshots_of_the_committed_bundle_are_read() -> None:
    for raw in json.loads(BUNDLE.read_text(encoding="utf-8"))["taxonomies"]:
        assert parse_taxonomy(raw).id == raw["id"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("jp-secret@2024-05-01", "unknown taxonomy 'jp-secret'; expected one of jp-critical-20"),
        ("jp-secret-patent-25", "names no version; there are 2024-05-01, 2025-01-01"),
        ("jp-secret-patent-25@may", "expected a date as YYYY-MM-DD"),
        ("jp-secret-patent-25@2024-04-30", "no version of 2024-04-30; the first is 2024-05-01"),
        ("us-ecra-14@2024-05-01", "cannot compare us-ecra-14 with jp-secret-patent-25"),
        ("nowhere.json", "cannot read nowhere.json: No such file"),
        ("{tmp}/text.json", "text.json is not JSON"),
        ("{tmp}/deep.json", "deep.json is not JSON"),
        ("{tmp}/undated.json", "undated.json is no snapshot of a taxonomy (ValueError("),
        ("jp-secret-patent-25@20240501", "expected a date as YYYY-MM-DD"),
        ("{tmp}/list.json", "list.json is no snapshot of a taxonomy"),
        ("{tmp}/headless.json", "us-ecra-14: missing field 'article'"),
        (str(BUNDLE), "labels.json holds jp-critical-20, jp-kprogram-50"),
        (f"{BUNDLE}@jp-secret", "labels.json holds jp-critical-20, jp-kprogram-50"),
    ],
)
def test_bad_references_are_explained(
    reference: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.json").write_text("labels", encoding="utf-8")
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    undated = {**snapshot(secret("2024-05-01")), "effective_from": "soon"}
    (tmp_path / "undated.json").write_text(json.dumps(undated), encoding="utf-8")
    (tmp_path / "headless.json").write_text('{"id": "us-ecra-14", "labels": []}', encoding="utf-8")
    assert main(["labels", "diff", reference.replace("{tmp}", str(tmp_path)), NEW]) == 1
    assert message in capsys.readouterr().err
