"""Corrections apart from all that measures: near duplicates, the split, masks."""

import random
from collections.abc import Callable

import pytest
from marked_texts import LASER, ROCKET, correction, filler, marked_text

from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.corpus import Record, default_dev_dir, is_held_out, load_corpus
from critech_training.extra import ExtraTexts, extra_strengths, extra_texts

TAXONOMIES = list(load_taxonomies().values())
ORDER = label_order(TAXONOMIES)
ITEM, CATEGORY, SIBLING = "us-ecra-14:07.ii", "us-ecra-14:07", "us-ecra-14:07.i"


@pytest.fixture
def given(marked_corpus: list[Record]) -> Callable[..., ExtraTexts]:
    dev = load_corpus(default_dev_dir(), ORDER)[:40]
    return lambda *found: extra_texts(found, TAXONOMIES, marked_corpus, dev)


def test_near_duplicates_of_corpus_and_dev_texts_are_refused_and_named(
    given: Callable[..., ExtraTexts], marked_corpus: list[Record]
) -> None:
    rockets = [record for record in marked_corpus if ROCKET in record.labels]
    fitted = next(record for record in rockets if not is_held_out(record))
    held_out = next(record for record in rockets if is_held_out(record))
    dev = load_corpus(default_dev_dir(), ORDER)[3]
    found = given(
        correction(id="same", text=fitted.text),
        correction(id="against", text=fitted.text.upper(), judgement="wrong", title="A title"),
        correction(id="measured", text=f"{held_out.text} and {filler(random.Random(1), 5)}"),
        correction(id="dev", text=f"{filler(random.Random(2), 200)} {dev.text}"),
        correction(id="own", text=filler(random.Random(3))),
    )
    # same words, two judgements of one reviewer: the later line counts
    assert {(one.names, one.reason, one.like) for one in found.refused} == {
        (("against", "same"), "contradicts_corpus", fitted.id),
        (("measured",), "like_measuring_text", held_out.id),
        (("dev",), "like_measuring_text", dev.id),
    }
    assert found.outcomes == {
        "contradicts_corpus": 1, "like_measuring_text": 2, "superseded": 1, "used": 1,
    }  # fmt: skip
    assert [one.names for one in (*found.fit, *found.held_out)] == [{"own"}]


def test_what_the_corpus_says_already_is_not_used_again(
    given: Callable[..., ExtraTexts], marked_corpus: list[Record]
) -> None:
    fitted = next(r for r in marked_corpus if ROCKET in r.labels and not is_held_out(r))
    found = given(
        correction(text=fitted.text), correction(text=fitted.text, label=LASER, judgement="wrong")
    )
    assert found.outcomes == {"in_corpus": 2}
    held_out = next(r for r in marked_corpus if ROCKET in r.labels and is_held_out(r))
    found = given(correction(text=held_out.text, label=LASER))
    assert found.outcomes == {"contradicts_corpus": 1}
    assert found.refused[0].like == held_out.id


def test_a_fifth_is_held_out_and_stays_where_it_is(given: Callable[..., ExtraTexts]) -> None:
    rng = random.Random(11)
    first = [correction(id=f"A-{i}", text=filler(rng)) for i in range(100)]
    before = given(*first)
    assert 10 <= len(before.held_out) <= 30
    assert len(before.fit) + len(before.held_out) == 100
    more = [correction(id=f"B-{i}", text=filler(rng)) for i in range(50)]
    after = given(*first, *more)
    assert {one.key for one in before.held_out} <= {one.key for one in after.held_out}
    assert {one.key for one in before.fit} <= {one.key for one in after.fit}


def test_amended_texts_and_one_document_are_not_split(given: Callable[..., ExtraTexts]) -> None:
    rng = random.Random(12)
    families = []
    for i in range(40):
        text = filler(rng, 30)
        amended = text.rsplit(" ", 3)[0] + " " + filler(rng, 3)
        families.append(
            [
                correction(id=f"A-{i}", text=text),
                correction(id=f"B-{i}", text=amended),
                correction(id=f"B-{i}", text=filler(rng, 30)),
            ]
        )
    found = given(*(one for family in families for one in family))
    held_out = {name for one in found.held_out for name in one.names}
    fit = {name for one in found.fit for name in one.names}
    assert len(found.fit) + len(found.held_out) == 120
    assert {name.partition("-")[2] for name in held_out}.isdisjoint(
        name.partition("-")[2] for name in fit
    )
    assert fit
    assert held_out


def test_labels_that_nobody_judged_are_masked(given: Callable[..., ExtraTexts]) -> None:
    text = marked_text(ROCKET, random.Random(13))
    found = given(
        correction(text=text),
        correction(text=text, label=LASER, judgement="wrong"),
        correction(text=text, label=ITEM),
        correction(text=text, label="us-ecra-14:01", judgement="wrong"),
    )
    (row,) = extra_strengths([*found.fit, *found.held_out], TAXONOMIES)
    by_label = dict(zip(ORDER, row.tolist(), strict=True))
    assert {label for label, strength in by_label.items() if strength == 2} == {
        ROCKET, ITEM, CATEGORY,
    }  # fmt: skip
    wrong = {label for label, strength in by_label.items() if strength == 0}
    assert wrong == {
        LASER, *(label for label in ORDER if label.partition(".")[0] == "us-ecra-14:01")
    }  # fmt: skip
    assert by_label[SIBLING] == 1
    assert len(wrong) > 2


def test_a_disputed_category_is_not_decided_by_its_sub_item(
    given: Callable[..., ExtraTexts],
) -> None:
    text = filler(random.Random(14))
    found = given(
        correction(text=text, label=ITEM),
        correction(text=text, label=CATEGORY, reviewer="e.2"),
        correction(text=text, label=CATEGORY, reviewer="e.3", judgement="wrong"),
    )
    (row,) = extra_strengths([*found.fit, *found.held_out], TAXONOMIES)
    assert (row[ORDER.index(ITEM)], row[ORDER.index(CATEGORY)]) == (2, 1)
