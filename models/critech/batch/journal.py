"""The journal of a run: which shards are finished, from which input, with which settings.

One JSON object a line, each with a checksum over itself, appended and synced. The first line is
the run, then comes a line for each shard in order, at last the line that says that the output is
in its place. A line that a crash tore, and whatever follows it, counts as not written. There are
digests and counts in it, names of input files, and no text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from critech.batch.disk import Disk, FileFacts
from critech.batch.errors import ChangedRunError

FORMAT = 1
_SUM = "sum"


@dataclass(frozen=True)
class ShardEntry:
    """One finished shard. ``start`` and ``end`` are the range of input items it covers, records
    and rejected ones together, from 0, ``end`` excluded. ``digest`` is of the shard's file,
    ``rejected_digest`` of the file of its rejected records (None without any), ``input_digest``
    of the items. ``tally`` counts what was found."""

    number: int
    start: int
    end: int
    digest: str
    rejected_digest: str | None
    input_digest: str
    tally: Mapping[str, Any]


class JournalFile:
    """The file of a journal. ``settings`` is None when there is none; ``n_shards`` are finished
    and cover ``items`` of the input; ``finished`` is the digest of the whole output, and
    ``quarantine`` what the list of rejected records is known by: None when none was written, and in
    journals from before that was kept. Of the shards no more than this is held in memory."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self._disk = disk
        self.settings: Mapping[str, Any] | None = None
        self.n_shards = 0
        self.items = 0
        self.finished: str | None = None
        self.quarantine: FileFacts | None = None
        for line in self._lines():
            self._take(line)

    def _take(self, line: Mapping[str, Any]) -> None:
        if "run" in line:
            if line["run"]["format"] != FORMAT:
                raise ChangedRunError("the run was begun by another version of critech")
            self.settings = line["run"]["settings"]
        elif "shard" in line:
            self.n_shards, self.items = self.n_shards + 1, line["shard"]["end"]
        self.finished = line.get("finished")
        facts = line.get("quarantine")
        self.quarantine = None if facts is None else FileFacts(**facts)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Begin the journal of a new run, in the place of what is there."""
        with self._disk.create(self.path) as file:
            file.write(_line({"run": {"format": FORMAT, "settings": settings}}))
        self.settings, self.n_shards, self.items = settings, 0, 0
        self.finished = self.quarantine = None

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Raise ChangedRunError, naming them, when settings differ from those of the run."""
        mine = self.settings or {}
        changed = [n for n in sorted({*mine, *settings}) if mine.get(n) != settings.get(n)]
        if changed:
            raise ChangedRunError(f"the run was begun with other settings ({', '.join(changed)})")

    def shards(self) -> Iterator[ShardEntry]:
        """Yield the finished shards, in order."""
        for line in self._lines():
            if "shard" in line:
                yield ShardEntry(**line["shard"])

    def add(self, shard: ShardEntry) -> None:
        """Append a finished shard."""
        self._append({"shard": asdict(shard)})

    def finish(self, digest: str, quarantine: FileFacts | None) -> None:
        """Append that the output is in its place, and the quarantine, if there is one."""
        facts = None if quarantine is None else asdict(quarantine)
        self._append({"finished": digest, "quarantine": facts})

    def cut(self, n_shards: int) -> None:
        """Go back to the first shards, all at once; what a crash tore is gone, too."""
        end = self._length(1 + n_shards)
        if self.path.stat().st_size != end:
            with self.path.open("rb") as old, self._disk.create(self.path) as file:
                file.write(old.read(end))
        self.n_shards, self.items, self.finished, self.quarantine = 0, 0, None, None
        for line in self._lines():
            self._take(line)

    def _append(self, data: dict[str, Any]) -> None:
        self._disk.append(self.path, _line(data))
        self._take(data)

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines up to the first that is not intact, the run first."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, raw in enumerate(file):
                line = _parsed(raw)
                if line is None or ("run" in line) != (number == 0):
                    return
                yield line

    def _length(self, n_lines: int) -> int:
        with self.path.open("rb") as file:
            return sum(len(file.readline()) for _ in range(n_lines))


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """Return the object of a line; None when it is torn or changed."""
    try:
        data = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(data, dict) or not raw.endswith(b"\n"):
        return None
    return data if data.pop(_SUM, None) == _checksum(data) else None


def _line(data: Mapping[str, Any]) -> bytes:
    return _json({**data, _SUM: _checksum(data)}) + b"\n"


def _checksum(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json(data)).hexdigest()[:16]


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":"), sort_keys=True).encode()
