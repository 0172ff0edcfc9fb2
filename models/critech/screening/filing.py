"""A filing as handed in for screening. What is not known is ``unknown``, never ``no``."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, fields
from typing import Literal

from critech.errors import InputError
from critech.passages import Passage, Section
from critech.screening.verdict import Answer
from critech.text import is_readable

END_OF_TIME = 9000  # dates that follow must be dates, too
SECTIONS = ("title", "abstract", "claims", "description")


@dataclass(frozen=True)
class Conditions:
    """The four legs of the additional condition (Order art. 12(3)); any one is enough."""

    defence_use: Answer = "unknown"
    state_or_national_rd_applicant: Answer = "unknown"
    commissioned_rd_bayh_dole: Answer = "unknown"
    commissioned_rd_partial_transfer: Answer = "unknown"

    def answered(self, answer: Answer) -> tuple[str, ...]:
        """Return the names of the conditions with this answer."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) == answer)

    def answers(self) -> tuple[Answer, ...]:
        """Return the four answers in the order of the law."""
        return tuple(getattr(self, f.name) for f in fields(self))


@dataclass(frozen=True)
class Filing:
    """A patent filing. ``ipc`` None or empty means that no symbols were given."""

    title: str
    abstract: str
    id: str | None = None
    claims: str | None = None
    description: str | None = None
    language: Literal["en", "ja"] | None = None
    ipc: tuple[str, ...] = ()
    filing_date: dt.date | None = None
    invented_in_japan: Answer = "unknown"
    already_public: Answer = "unknown"
    conditions: Conditions = field(default_factory=Conditions)

    def passages(self) -> tuple[Passage, ...]:
        """Return what is read: abstract, claims and description, each together with the title."""
        title = (Section("title", self.title),)
        bodies = [
            Section(name, text)
            for name in SECTIONS[1:]
            if (text := getattr(self, name)) and is_readable(text)
        ]
        return tuple(Passage((*title, body)) for body in bodies)

    def check(self, where: str) -> None:
        """Raise InputError, naming the field below ``where``, for what cannot be screened."""
        for name in SECTIONS[:2]:
            if not is_readable(getattr(self, name)):
                raise InputError(f"{where}.{name}", "is empty: no letter, no digit")
        if self.filing_date is not None and self.filing_date.year >= END_OF_TIME:
            raise InputError(f"{where}.filing_date", f"must be before the year {END_OF_TIME}")
