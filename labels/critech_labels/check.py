"""Invariants of the taxonomies, checked on the data as loaded, and of the crosswalk."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable, Iterator

from critech_labels.check_crosswalk import check_crosswalk
from critech_labels.crosswalk import read_crosswalk
from critech_labels.ipc import parse_symbols
from critech_labels.taxonomy import TAXONOMY_IDS, Label, Taxonomy, load_taxonomy, versions
from critech_labels.texts import LANGUAGES

TOP_LEVEL_COUNTS = {
    "jp-critical-20": 20,
    "jp-kprogram-50": 50,
    "jp-secret-patent-25": 25,
    "us-ecra-14": 14,
}
SUB_ITEM_COUNTS = {"us-ecra-14": 46}
VISION_COUNTS = {1: 27, 2: 23}
ORDER_ITEMS = 47
CONDITIONAL_FIELDS = tuple(f"{n:02d}" for n in range(10, 20))
SPLIT_ITEM = 13  # the one item of the order that two fields share
DEFINITION_WORDS = (30, 80)
SUB_ITEM_WORDS = (15, 40)
CHARACTERS_PER_JAPANESE_WORD = 2.5


def check_all() -> list[str]:
    """Return the problems found in every version of every taxonomy and in the crosswalk; empty
    when sound."""
    problems = [
        problem
        for taxonomy_id in TAXONOMY_IDS
        for version in versions(taxonomy_id)
        for problem in check_taxonomy(load_taxonomy(taxonomy_id, dt.date.fromisoformat(version)))
    ]
    return problems + check_crosswalk(read_crosswalk())


def check_taxonomy(taxonomy: Taxonomy) -> list[str]:
    """Return the problems of one taxonomy, each as a sentence that names the label."""
    checks: list[Callable[[Taxonomy], Iterator[str]]] = [_counts, _languages, _coverage]
    if taxonomy.id == "jp-secret-patent-25":
        checks.append(_order)
    if taxonomy.id == "jp-kprogram-50":
        checks.append(_visions)
    return [problem for check in checks for problem in check(taxonomy)]


def _counts(taxonomy: Taxonomy) -> Iterator[str]:
    top = len(taxonomy.top_level())
    if top != TOP_LEVEL_COUNTS[taxonomy.id]:
        yield f"{taxonomy.id}: {top} labels, expected {TOP_LEVEL_COUNTS[taxonomy.id]}"
    sub_items = len(taxonomy.labels) - top
    expected = SUB_ITEM_COUNTS.get(taxonomy.id, 0)
    if sub_items != expected:
        yield f"{taxonomy.id}: {sub_items} sub-items, expected {expected}"
    codes = taxonomy.codes()
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        yield f"{taxonomy.id}:{code}: the code occurs more than once"


def _languages(taxonomy: Taxonomy) -> Iterator[str]:
    for label in taxonomy.labels:
        for language in LANGUAGES:
            if label.title_status.get(language) not in ("verbatim", "provisional"):
                yield f"{label.id}: title_status has no value for {language!r}"
            if not getattr(label.aliases, language) or not getattr(label.terms, language):
                yield f"{label.id}: aliases or terms are missing in {language!r}"
        yield from _definition_length(label)


def _definition_length(label: Label) -> Iterator[str]:
    low, high = DEFINITION_WORDS if label.parent is None else SUB_ITEM_WORDS
    words = len(label.definition.en.split())
    if not low <= words <= high:
        yield f"{label.id}: English definition has {words} words, expected {low} to {high}"
    characters = sum(unicodedata.category(char)[0] in "LN" for char in label.definition.ja)
    ja_words = characters / CHARACTERS_PER_JAPANESE_WORD
    if not low <= ja_words <= high:
        yield (
            f"{label.id}: Japanese definition has {characters} characters (about "
            f"{ja_words:.0f} words), expected {low} to {high} words"
        )


def _coverage(taxonomy: Taxonomy) -> Iterator[str]:
    if taxonomy.coverage is None:
        yield f"{taxonomy.id}: coverage is missing: say what of the instrument is modelled"
    known = {label.id for label in taxonomy.labels}
    for pointer in taxonomy.pointers:
        where = f"{taxonomy.id}: pointer {pointer.citation!r}"
        for label_id in pointer.labels:
            if label_id not in known:
                yield f"{where} names {label_id!r}, which does not exist"
        if not pointer.labels and not pointer.note:
            yield f"{where} names no label and gives no note why"
        if not pointer.eccns:
            yield f"{where} names no ECCN"
        if not 0 < pointer.confidence <= 1:
            yield f"{where} has confidence {pointer.confidence}, expected 0 to 1"


def _order(taxonomy: Taxonomy) -> Iterator[str]:
    items: dict[int, list[str]] = {}
    for label in taxonomy.labels:
        for rule in label.ipc_rules:
            if rule.order_item is not None:
                items.setdefault(rule.order_item, []).append(label.code)
            listed = parse_symbols(symbol for group in rule.all_of for symbol in group)
            for text in listed.malformed:
                yield f"{label.id}: rule symbol {text!r} is malformed"
        if not label.ipc_rules:
            yield f"{label.id}: no IPC rule"
        if label.additional_condition != (label.code in CONDITIONAL_FIELDS):
            yield f"{label.id}: additional_condition is {label.additional_condition}"
    missing = sorted(set(range(1, ORDER_ITEMS + 1)) - items.keys())
    unnumbered = any(rule.order_item is None for lb in taxonomy.labels for rule in lb.ipc_rules)
    if (missing and not unnumbered) or max(items) > ORDER_ITEMS:
        yield f"{taxonomy.id}: order items missing {missing}, highest {max(items)}"
    for item, codes in sorted(items.items()):
        if len(codes) > 1 and item != SPLIT_ITEM:
            yield f"{taxonomy.id}: order item {item} stands in fields {codes}"


def _visions(taxonomy: Taxonomy) -> Iterator[str]:
    for vision, expected in VISION_COUNTS.items():
        found = sum(label.vision == vision for label in taxonomy.labels)
        if found != expected:
            yield f"{taxonomy.id}: vision {vision} has {found} technologies, expected {expected}"
