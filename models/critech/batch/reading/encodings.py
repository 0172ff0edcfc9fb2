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
_JAPANESE = re.compile("[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff]")
_START = 1_000


@dataclass(frozen=True)
class Encoding:
    """A codec, and a sentence where it was guessed."""

    codec: str
    note: str | None = None


def encoding_of(head: bytes, given: str | None = None) -> Encoding:
    """Return the encoding that the first bytes of a file are in. Raises BadRecordError where they
    are not UTF-8 and not beyond doubt another."""
    if given is not None:
        return Encoding(ENCODINGS[given])
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Encoding("utf-16")
    if b"\0" not in head[:_START] and _decoded(head, "utf-8") is not None:
        return Encoding("utf-8-sig")
    shift_jis = _decoded(head, "cp932")
    if shift_jis and _JAPANESE.search(shift_jis) and _decoded(head, "euc_jis_2004") is None:
        return Encoding("cp932", "not UTF-8, read as cp932 (Shift_JIS)")
    raise BadRecordError("bad_encoding", "not UTF-8; the encoding has to be given")


def _decoded(head: bytes, codec: str) -> str | None:
    """Return the text, None if the bytes are not in this encoding. The last character may be
    incomplete."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(head)
    except UnicodeDecodeError:
        return None
