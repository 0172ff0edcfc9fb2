"""Text cleaning and language detection. Pure functions on strings."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Language = Literal["en", "ja", "und"]

_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc\uff66-\uff9f]")
_HAN = re.compile(r"[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z]")
_OTHER_LETTER = re.compile(r"[^\W\d_A-Za-z\u3005\u3007\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_SPACES = re.compile(r"\s+")
_UNREADABLE = re.compile(r"[\ud800-\udfff\ufffe\uffff]")
_HIDDEN = ("Cc", "Cf")
_ASCII_CONTROLS = dict.fromkeys((*range(0x20), 0x7F), " ")
MIN_KANA_SHARE = 0.05
LONG_WITHOUT_KANA = 40


def clean_text(text: str) -> str:
    """Return the text in NFKC with every run of white space or control characters as one blank.

    Full-width letters become ASCII, half-width kana full-width. Lone surrogates become U+FFFD.
    """
    if text.isascii():  # the same, sooner
        return " ".join(text.translate(_ASCII_CONTROLS).split())
    readable = _UNREADABLE.sub("\ufffd", text)
    kinds = {char: unicodedata.category(char) for char in set(readable)}
    hidden = {ord(c): " " if kind == "Cc" else None for c, kind in kinds.items() if kind in _HIDDEN}
    visible = readable.translate(hidden)
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", visible)).strip()


def is_readable(text: str) -> bool:
    """Return whether a text has any letter or digit."""
    return any(char.isalnum() for char in text)


def detect_language(text: str) -> Language:
    """Return ``ja``, ``en`` or, for any other script, ``und``. Judged by script alone, so French
    or German count as ``en``.

    Kana decide for Japanese; a short text of kanji alone (a title) counts as Japanese, a long one
    without any kana does not. Latin letters count as English.
    """
    if text.isascii():  # the same, sooner
        return "en" if _LATIN.search(text) else "und"
    kana = len(_KANA.findall(text))
    han = len(_HAN.findall(text))
    latin = len(_LATIN.findall(text))
    other = len(_OTHER_LETTER.findall(text))
    japanese = kana + han
    if japanese and japanese >= max(other, latin * MIN_JAPANESE_TO_LATIN):
        if kana >= MIN_KANA_SHARE * japanese or han < LONG_WITHOUT_KANA:
            return "ja"
        return "und"
    if latin and latin >= other:
        return "en"
    return "und"


MIN_JAPANESE_TO_LATIN = 0.15


def compose_document(title: str | None, text: str) -> str:
    """Return the cleaned text that is embedded: title and text, one blank between them."""
    return clean_text(f"{title}\n{text}" if title else text)
