"""Reviewers' corrections settled: which text they are about, and what holds where they differ.

Every correction gets one outcome: ``used``, or the reason why it is not.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from critech.corrections import Correction
from critech.text import Language, compose_document, detect_language
from critech_training.near_duplicates import words_only

Outcome = Literal[
    "used",
    "no_text",
    "several_texts",
    "no_words",
    "unsupported_language",
    "superseded",
    "disputed",
    "category_conflict",
    "in_corpus",
    "contradicts_corpus",
    "like_measuring_text",
]


@dataclass(frozen=True)
class JudgedDocument:
    """A document with a text of its own. ``judgements`` by label: True where it applies;
    ``disputed`` labels are those that reviewers or a category and its sub-item contradict each
    other in. ``name`` is its id, or its digest in the audit log; ``rows`` are its corrections."""

    key: str
    names: frozenset[str]
    title: str | None
    text: str
    language: Language
    judgements: Mapping[str, bool]
    disputed: frozenset[str]
    rows: tuple[int, ...]


def words_key(text: str) -> str:
    """Return what names a text by its words, however it is spaced, punctuated and titled."""
    return hashlib.sha256(words_only(text).encode()).hexdigest()


def settle(
    corrections: Sequence[Correction], category_of: Mapping[str, str | None]
) -> tuple[list[JudgedDocument], list[Outcome]]:
    """Return the documents, by the first correction of each, and the outcome of every correction.

    Corrections belong together when their texts have the same words, or when one without a text
    names a document of which exactly one text is there. Of one reviewer the last judgement of a
    label counts. Reviewers who differ leave the label to nobody, and so do a sub-item that applies
    and its category that does not.
    """
    outcomes: list[Outcome] = ["used"] * len(corrections)
    documents: defaultdict[str, list[int]] = defaultdict(list)
    keys = [None if one.text is None else words_key(one.text) for one in corrections]
    texts_of: defaultdict[str, set[str]] = defaultdict(set)
    for one, key in zip(corrections, keys, strict=True):
        if key is not None:
            texts_of[_name(one)].add(key)
    for row, (one, key) in enumerate(zip(corrections, keys, strict=True)):
        known = {key} if key is not None else texts_of.get(_name(one), set())
        if len(known) == 1:
            documents[next(iter(known))].append(row)
        else:
            outcomes[row] = "several_texts" if known else "no_text"
    found = [
        _document(key, rows, corrections, category_of, outcomes) for key, rows in documents.items()
    ]
    return [one for one in found if one is not None], outcomes


def _name(correction: Correction) -> str:
    return correction.id or correction.hmac or ""


def _document(
    key: str,
    rows: Sequence[int],
    corrections: Sequence[Correction],
    category_of: Mapping[str, str | None],
    outcomes: list[Outcome],
) -> JudgedDocument | None:
    """Return a document, or None for one that cannot be read or of which nothing is judged; the
    outcomes of its corrections are set."""
    by_time = sorted(rows, key=lambda row: corrections[row].time)
    last = next(one for row in reversed(by_time) if (one := corrections[row]).text is not None)
    assert last.text is not None
    text = compose_document(last.title, last.text)
    language = last.language or detect_language(text)
    problem: Outcome | None = None
    if not words_only(last.text):
        problem = "no_words"
    elif language == "und":
        problem = "unsupported_language"
    if problem is not None:
        _set(outcomes, rows, problem)
        return None
    judgements, disputed = _settled(by_time, corrections, outcomes)
    for label, category in category_of.items():
        if category and judgements.get(label) is True and judgements.get(category) is False:
            both = {label, category}
            conflicting = [row for row in rows if corrections[row].label in both]
            _set(outcomes, [r for r in conflicting if outcomes[r] == "used"], "category_conflict")
            disputed |= both
    judgements = {label: y for label, y in judgements.items() if label not in disputed}
    if not judgements:
        return None
    return JudgedDocument(
        key=key,
        names=frozenset(_name(corrections[row]) for row in rows),
        title=last.title,
        text=last.text,
        language=language,
        judgements=judgements,
        disputed=frozenset(disputed),
        rows=tuple(rows),
    )


def _settled(
    by_time: Sequence[int], corrections: Sequence[Correction], outcomes: list[Outcome]
) -> tuple[dict[str, bool], set[str]]:
    """Return the judgement of each label and the labels that reviewers differ in."""
    last: dict[str, dict[str, int]] = defaultdict(dict)
    for row in by_time:
        one = corrections[row]
        earlier = last[one.label].get(one.reviewer)
        if earlier is not None:
            outcomes[earlier] = "superseded"
        last[one.label][one.reviewer] = row
    judgements, disputed = {}, set()
    for label, of_reviewers in last.items():
        judged = {corrections[row].judgement for row in of_reviewers.values()}
        if len(judged) == 1:
            judgements[label] = judged == {"right"}
        else:
            _set(outcomes, of_reviewers.values(), "disputed")
            disputed.add(label)
    return judgements, disputed


def _set(outcomes: list[Outcome], rows: Iterable[int], outcome: Outcome) -> None:
    for row in rows:
        outcomes[row] = outcome
