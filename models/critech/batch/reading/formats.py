"""Which format a file has, by its name or its first bytes."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal, get_args

from critech.batch.reading.streams import PARQUET

Format = Literal["jsonl", "csv", "tsv", "parquet", "text", "xml"]
FORMATS: tuple[Format, ...] = get_args(Format)
_PACKED = (".gz", ".gzip", ".zst", ".zstd")
_ENDINGS: dict[str, Format] = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    **dict.fromkeys((".tsv", ".tab"), "tsv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    ".csv": "csv",
    ".txt": "text",
    ".xml": "xml",
}
# Lists of contents that offices put beside the documents.
_CONTENTS = {"toc.xml", "index.xml"}
_MARK = b"\xef\xbb\xbf"


def format_of_name(name: str) -> Format | None:
    """Return the format that the ending says, behind that of gzip or zstd; None if it says none."""
    path = PurePosixPath(name.rpartition("!")[2].lower())
    if path.suffix in _PACKED:
        path = path.with_suffix("")
    return _ENDINGS.get(path.suffix)


def is_document_name(name: str) -> bool:
    """Return whether a file in a folder or an archive can hold documents: no hidden file, no list
    of contents."""
    last = re.split("[/!]", name)[-1]
    return not last.startswith(".") and last.lower() not in _CONTENTS


def format_of_head(head: bytes) -> Format | None:
    """Return the format that the first bytes show, unpacked; None if they show none."""
    if head.startswith(PARQUET):
        return "parquet"
    if head.startswith((b"\xff\xfe<\0", b"\xfe\xff\0<")):
        return "xml"
    start = head.removeprefix(_MARK).lstrip()
    if start.startswith(b"<"):
        return "xml" if re.match(rb"<[?!A-Za-z]", start) else None
    if start.startswith(b"{"):
        return "jsonl"
    first = start.split(b"\n", 1)[0]
    if b"\t" in first:
        return "tsv"
    return "csv" if b"," in first else None
