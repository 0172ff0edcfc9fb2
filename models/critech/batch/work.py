"""The work folder of a run, ``OUT.critech`` beside the output: lock, journal and shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from critech.batch.disk import Disk, file_digest, locked
from critech.batch.errors import ChangedRunError
from critech.batch.journal import JournalFile, ShardEntry

SUFFIX = ".critech"
REJECTED = ".rejected.jsonl"
LOCK = "lock"
JOURNAL = "journal.jsonl"


class WorkFolder:
    """The files of a run. ``disk`` makes every change to them."""

    def __init__(self, out: Path, suffix: str, disk: Disk) -> None:
        self.folder = out.with_name(out.name + SUFFIX)
        self.shards = self.folder / "shards"
        self.staging = self.folder / "output.part"
        self._suffix = suffix
        self._disk = disk

    @contextmanager
    def held(self) -> Iterator[JournalFile]:
        """Hand out the journal for the block, with the folder made and locked."""
        self._disk.make_folder(self.folder)
        with locked(self.folder / LOCK):
            yield JournalFile(self.folder / JOURNAL, self._disk)

    def shard(self, number: int) -> Path:
        """Return the file of a shard's rows."""
        return self.shards / f"{number:08d}{self._suffix}"

    def rejected(self, number: int) -> Path:
        """Return the file of a shard's rejected records."""
        return self.shards / f"{number:08d}{REJECTED}"

    def kinds(self) -> list[Path]:
        """Return a file of each kind that a run keeps here."""
        own = [self.folder / LOCK, self.folder / JOURNAL, self.staging]
        return [*own, self.shard(0), self.rejected(0)]

    def intact(self, shards: Iterable[ShardEntry], told: Callable[[int], None]) -> int:
        """Return how many shards, from the first, are on the disk as the journal says; ``told``
        hears of each one looked at."""
        found = 0
        for entry in shards:
            if not self._is_intact(entry):
                break
            found += 1
            told(found)
        return found

    def _is_intact(self, entry: ShardEntry) -> bool:
        return file_digest(self.shard(entry.number)) == entry.digest and (
            entry.rejected_digest is None
            or file_digest(self.rejected(entry.number)) == entry.rejected_digest
        )

    def tidy(self, n_shards: int) -> None:
        """Remove what does not belong to the first shards: what a crash left half done."""
        self._disk.make_folder(self.shards)
        kept = {self.shard(i) for i in range(n_shards)} | {
            self.rejected(i) for i in range(n_shards)
        }
        for path in sorted(self.shards.iterdir()):
            if path not in kept:
                self._disk.remove(path)

    def clear(self) -> None:
        """Remove all shards; the journal stays as the receipt of the run."""
        self._disk.remove(self.staging)
        if self.shards.is_dir():
            self.tidy(0)
            with suppress(OSError):
                self.shards.rmdir()


def refuse_to_replace(path: Path) -> None:
    """Raise ChangedRunError when there is something at a path that no run of ours is known for."""
    if path.exists():
        raise ChangedRunError(f"{path} is there already")
