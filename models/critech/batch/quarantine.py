"""The list of rejected records: its lines, whether it is still what a finished run has written, and
how it is made anew from the input, without any work of the classifier."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from critech.batch.disk import Disk, FileFacts, file_digest, file_facts
from critech.batch.journal import ShardEntry
from critech.batch.records import Record, Rejected
from critech.batch.rows import no_text, plain
from critech.batch.work import WorkFolder


def quarantine_line(rejected: Rejected) -> bytes:
    """Return the line of a rejected record: position, id, reason, message, no text."""
    data = {
        "source": plain(rejected.position.source),
        "record": rejected.position.record,
        "line": rejected.position.line,
        "id": plain(rejected.id),
        "reason": rejected.reason,
        "message": rejected.message,
    }
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def what_happened_to(path: Path, written: FileFacts | None) -> str | None:
    """Return what became of a quarantine since it was written, in words; None where it is as it
    was, or where it is not known how it was. Raise StorageError."""
    if written is None:
        return None
    found = file_facts(path)
    if found is None:
        return "is gone"
    return None if found == written else "was changed"


class FromInput:
    """Makes the files of the shards' rejected records anew while the items of finished shards are
    read again. ``complete`` is False once a shard's cannot be made: what a record ``failed`` for
    is known to the classifier alone."""

    def __init__(self, work: WorkFolder, disk: Disk) -> None:
        self.complete = True
        self._work = work
        self._disk = disk
        self._lines: list[bytes] = []

    def add(self, item: Record | Rejected) -> None:
        """Take the next item of a shard."""
        rejected = item if isinstance(item, Rejected) else no_text(item)
        if rejected is not None:
            self._lines.append(quarantine_line(rejected))

    def save(self, shard: ShardEntry) -> None:
        """Write the file of the shard whose items were taken, unless a crash has left it there."""
        lines, self._lines = self._lines, []
        path = self._work.rejected(shard.number)
        if shard.rejected_digest is None or file_digest(path) == shard.rejected_digest:
            return
        if hashlib.sha256(b"".join(lines)).hexdigest() != shard.rejected_digest:
            self.complete = False
            return
        with self._disk.create(path) as file:
            file.writelines(lines)
