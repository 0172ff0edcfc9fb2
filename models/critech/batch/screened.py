"""Screening verdicts for records that are classified already: what was read is not read twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from critech.batch.records import Record
from critech.classifier import Classifier
from critech.passages import Passage, Section
from critech.scorer import Scored
from critech.screening.filing import END_OF_TIME, Filing
from critech.screening.results import FilingResult
from critech.screening.screen import Screener
from critech.text import Language, is_readable

NOT_SCREENED = "not_screened"
_Key = tuple[str, Language | None]


class KnownClassifier(Classifier):
    """A classifier that is told the scores of some texts beforehand, and computes the rest."""

    def __init__(self, classifier: Classifier, known: Mapping[_Key, Scored]) -> None:
        self.__dict__.update(vars(classifier))
        self._known = known

    def score_passages(
        self, passages: Sequence[Passage], languages: Sequence[Language | None]
    ) -> list[Scored]:
        """Return the scores of every passage with its language, in order."""
        keys = [(one.text(), language) for one, language in zip(passages, languages, strict=True)]
        missing = [key for key in dict.fromkeys(keys) if key not in self._known]
        found = self.score_all([text for text, _ in missing], [language for _, language in missing])
        known = {**self._known, **dict(zip(missing, found, strict=True))}
        return [known[key] for key in keys]


def screened(
    classifier: Classifier, records: Sequence[Record], scored: Sequence[Scored]
) -> list[dict[str, Any]]:
    """Return verdict, reasons and fields for every record, in order, as plain data; ``scored`` is
    what the records gave when they were classified. Applicants' answers are not in a dump, so all
    conditions are unknown. Without a title, or with a filing date beyond the reckoning of
    deadlines, the verdict is ``not_screened``."""
    known = {
        (_passage(record).text(), _declared(record)): one
        for record, one in zip(records, scored, strict=True)
    }
    screener = Screener(KnownClassifier(classifier, known))
    return [_one(screener, record) for record in records]


def _one(screener: Screener, record: Record) -> dict[str, Any]:
    if not is_readable(record.title or ""):
        return _refused("title_missing")
    if record.filing_date is not None and record.filing_date.year >= END_OF_TIME:
        return _refused("filing_date_out_of_range")
    return _plain(screener.screen([_filing(record)], explain=False).results[0])


def _filing(record: Record) -> Filing:
    return Filing(
        title=record.title or "",
        abstract=record.text,
        id=record.id,
        claims=record.claims,
        description=record.description,
        language=_declared(record),  # type: ignore[arg-type]
        ipc=record.ipc,
        filing_date=record.filing_date,
    )


def _plain(found: FilingResult) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "reasons": [{"code": one["code"], "field": one["field"]} for one in found.reasons],
        "fields": [
            {"code": field.label.code, "outcome": field.standing.outcome} for field in found.fields
        ],
    }


def _refused(code: str) -> dict[str, Any]:
    return {"verdict": NOT_SCREENED, "reasons": [{"code": code, "field": None}], "fields": []}


def _declared(record: Record) -> Language | None:
    return None if record.language == "und" else record.language


def _passage(record: Record) -> Passage:
    title = (Section("title", record.title),) if record.title else ()
    return Passage((*title, Section("text", record.text)))
