"""Texts in English and Japanese, and the error of everything that reads them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "ja"]
LANGUAGES: tuple[Language, ...] = ("en", "ja")


class TaxonomyError(ValueError):
    """A taxonomy file or a query names something that is not there, or breaks an invariant."""


@dataclass(frozen=True)
class Bilingual:
    """A text in English and Japanese."""

    en: str
    ja: str

    def get(self, language: str) -> str:
        """Return the Japanese text for ``ja`` and the English one for any other language."""
        return self.ja if language == "ja" else self.en

    def as_dict(self) -> dict[str, str]:
        """Return ``{"en": ..., "ja": ...}``."""
        return {"en": self.en, "ja": self.ja}


@dataclass(frozen=True)
class Terms:
    """Lists of words in English and Japanese."""

    en: tuple[str, ...]
    ja: tuple[str, ...]

    def as_dict(self) -> dict[str, list[str]]:
        """Return ``{"en": [...], "ja": [...]}``."""
        return {"en": list(self.en), "ja": list(self.ja)}


def parse_bilingual(raw: Mapping[str, str], where: str) -> Bilingual:
    """Return the text. Raise TaxonomyError naming ``where`` and the language that is missing."""
    for language in LANGUAGES:
        if not str(raw.get(language) or "").strip():
            raise TaxonomyError(f"{where} has no text in {language!r}")
    return Bilingual(en=raw["en"].strip(), ja=raw["ja"].strip())


def parse_terms(raw: Mapping[str, list[str]]) -> Terms:
    """Return the lists of words of a mapping by language."""
    return Terms(en=tuple(raw["en"]), ja=tuple(raw["ja"]))


def parse_date(value: object) -> dt.date:
    """Return a date given as one or as ``YYYY-MM-DD``."""
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))
