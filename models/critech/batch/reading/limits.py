"""What is refused for its size. A record over a limit is rejected by itself; the rest is read."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Bounds on what one record, and one packed file, may hold.

    ``record_bytes``: a row of JSONL, CSV, TSV or Parquet. ``document_bytes``: a patent document in
    XML or a plain text file, as stored. ``id_chars``, ``title_chars`` and ``text_chars``: those of
    the HTTP service. ``symbols``: IPC symbols of one record. ``expanded_bytes``: what one gzip or
    zstd file, or all members of one zip archive, may unpack to; ``expansion_ratio``: how many
    times its packed size, looked at above ``expansion_floor`` bytes. ``archive_members``: files and
    folders in one zip archive. ``directory_bytes``: the directory of one, held in memory.
    ``inner_archive_bytes``: a zip archive inside a zip archive, held in memory.
    """

    record_bytes: int = 5 * MEGABYTE
    document_bytes: int = 20 * MEGABYTE
    id_chars: int = 200
    title_chars: int = 2_000
    text_chars: int = 500_000
    symbols: int = 1_000
    expanded_bytes: int = 1_000_000 * MEGABYTE
    expansion_ratio: int = 250
    expansion_floor: int = 50 * MEGABYTE
    archive_members: int = 1_000_000
    directory_bytes: int = 300 * MEGABYTE
    inner_archive_bytes: int = 200 * MEGABYTE


DEFAULT_LIMITS = Limits()
