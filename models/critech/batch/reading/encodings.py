"""The encoding of a text file: as said, by its mark, UTF-8, or Shift_JIS if nothing else fits."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from critech.batch.reading.fields import BadRecordError

ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf-16": "utf-16",
    "cp932": "cp932",
    "shift_jis": "cp932",
    "euc_jp": "euc_jis_2004",
    "cp1252": "cp1252",
}
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_ASCII = re.compile("[\0-\x7f]")
MIN_KANA_SHARE = 0.1  # Western text read as Shift_JIS gives kanji, hardly any kana
_START = 1_000


@dataclass(frozen=True)
class Encoding:
    """A codec, and a sentence where it was guessed."""

    codec: str
    note: str | None = None


def encoding_of(head: bytes, given: str | None = None) -> Encoding:
    """Return the encoding that the first bytes of a file are in. A few bad lines leave it UTF-8.
    Raises BadRecordError where it is not beyond doubt."""
    if given is not None:
        return Encoding(ENCODINGS[given])
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Encoding("utf-16")
    if b"\0" not in head[:_START]:
        lines = head.split(b"\n")
        telling = [line for line in lines[:-1] or lines if not line.isascii()]
        bad = sum(_decoded(line, "utf-8", final=True) is None for line in telling)
        if _decoded(head, "utf-8") is not None or 2 * bad < len(telling):
            return Encoding("utf-8-sig")
        if _is_japanese(_decoded(head, "cp932")) and _decoded(head, "euc_jis_2004") is None:
            return Encoding("cp932", "not UTF-8, read as cp932 (Shift_JIS)")
        if 2 * bad < len(lines):
            return Encoding("utf-8-sig")
    raise BadRecordError("bad_encoding", "not UTF-8; the encoding has to be given")


def _is_japanese(text: str | None) -> bool:
    beyond_ascii = len(_ASCII.sub("", text or ""))
    return len(_KANA.findall(text or "")) > MIN_KANA_SHARE * beyond_ascii


def _decoded(head: bytes, codec: str, final: bool = False) -> str | None:
    """Return the text, None if the bytes are not in this encoding. The last character may be
    incomplete unless they are ``final``."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(head, final)
    except UnicodeDecodeError:
        return None
