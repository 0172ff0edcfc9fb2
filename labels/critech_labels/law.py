"""The patent non-disclosure system as data: conditions, deadlines and citations.

Source: Economic Security Promotion Act, chapter 5, and its Enforcement Order, articles 12 to 15, as
read for ``data/law/jp-patent-non-disclosure.yaml``, which names the dates of consolidation.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from critech_labels.data_files import read_yaml
from critech_labels.texts import Bilingual, TaxonomyError, Terms

_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe63\uff0d]")


@dataclass(frozen=True)
class Condition:
    """One leg of the additional condition of fields 10 to 19: any one of them is enough."""

    id: str
    order: str
    text: Bilingual


@dataclass(frozen=True)
class Release:
    """An event that ends the ban on filing abroad."""

    article: str
    text: Bilingual

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {"article": self.article, "text": self.text.as_dict()}


@dataclass(frozen=True)
class DeadlineRule:
    """A period of ``months`` that runs from the filing date."""

    id: str
    months: int
    articles: tuple[str, ...]
    text: Bilingual


@dataclass(frozen=True)
class Deadline:
    """A period worked out for one filing: its last day, and the first day after it."""

    rule: DeadlineRule
    last_day: dt.date
    free_from: dt.date

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "id": self.rule.id,
            "months": self.rule.months,
            "last_day": self.last_day.isoformat(),
            "free_from": self.free_from.isoformat(),
            "articles": list(self.rule.articles),
            "text": self.rule.text.as_dict(),
        }


@dataclass(frozen=True)
class Topic:
    """A topic that items are limited to, and the words that show it, English and Japanese."""

    text: Bilingual
    terms: Terms

    def is_in(self, text: str) -> bool:
        """Return whether a cleaned text names the topic. A mention is enough, whatever it says.

        English terms count in any case, with any dash, a blank or nothing between their words, and
        with a mass number before them; Japanese ones with blanks inside and with large or small
        kana.
        """
        lowered = _DASHES.sub("-", text.lower())
        joined = _large_kana("".join(text.split()))
        return any(_large_kana(term) in joined for term in self.terms.ja) or any(
            re.search(_whole_words(term), lowered) for term in self.terms.en
        )


@dataclass(frozen=True)
class NonDisclosureLaw:
    """What screening needs to know of the law, with the date to which it is consolidated."""

    in_force_from: dt.date
    consolidated_to: dt.date
    as_of: dt.date
    conditions: tuple[Condition, ...]
    deadlines: tuple[DeadlineRule, ...]
    counting: Bilingual
    releases: tuple[Release, ...]
    citations: Mapping[str, Mapping[str, str]]
    topics: tuple[Topic, ...]

    def topic(self, limit: Bilingual) -> Topic:
        """Return the topic that a rule's limit names. Raise TaxonomyError when there is none."""
        for topic in self.topics:
            if topic.text == limit:
                return topic
        raise TaxonomyError(f"no words are known for the topic {limit.en!r}")


@lru_cache(maxsize=1)
def non_disclosure_law() -> NonDisclosureLaw:
    """Return the facts of the patent non-disclosure system."""
    raw = read_yaml("law", "jp-patent-non-disclosure.yaml")
    return NonDisclosureLaw(
        in_force_from=dt.date.fromisoformat(raw["in_force_from"]),
        consolidated_to=dt.date.fromisoformat(raw["consolidated_to"]),
        as_of=dt.date.fromisoformat(raw["as_of"]),
        conditions=tuple(
            Condition(item["id"], item["order"], Bilingual(**item["text"]))
            for item in raw["conditions"]
        ),
        deadlines=tuple(
            DeadlineRule(
                item["id"], item["months"], tuple(item["articles"]), Bilingual(**item["text"])
            )
            for item in raw["deadlines"]
        ),
        counting=Bilingual(**raw["counting"]),
        releases=tuple(
            Release(item["article"], Bilingual(**item["text"])) for item in raw["releases"]
        ),
        citations=raw["citations"],
        topics=tuple(
            Topic(
                Bilingual(**item["text"]),
                Terms(tuple(item["terms"]["en"]), tuple(item["terms"]["ja"])),
            )
            for item in raw["topics"]
        ),
    )


def _whole_words(term: str) -> str:
    parts = (re.escape(part) for part in re.split(r"[ -]", term.lower()))
    return rf"(?<![a-z]){'[ -]?'.join(parts)}(?![a-z0-9])"


def _large_kana(text: str) -> str:
    return text.replace("ッ", "ツ")


def last_day_of_period(event: dt.date, months: int) -> dt.date:
    """Return the last day of a period of months that starts with an event on a day.

    The day of the event is not counted (Civil Code art. 140). The period ends on the day before
    the one that corresponds to its first day, or on the last day of the month that has no such day
    (art. 143(2)): 2026-02-28 and three months give 2026-05-31, 2026-11-29 and three months
    2027-02-28.
    """
    first = event + dt.timedelta(days=1)
    month = first.year * 12 + first.month - 1 + months
    year, month = month // 12, month % 12 + 1
    days = calendar.monthrange(year, month)[1]
    if first.day > days:
        return dt.date(year, month, days)
    return dt.date(year, month, first.day) - dt.timedelta(days=1)


def deadlines(filing_date: dt.date) -> tuple[Deadline, ...]:
    """Return the periods that run from a filing date, in the order of the law."""
    found = []
    for rule in non_disclosure_law().deadlines:
        last = last_day_of_period(filing_date, rule.months)
        found.append(Deadline(rule, last, last + dt.timedelta(days=1)))
    return tuple(found)
