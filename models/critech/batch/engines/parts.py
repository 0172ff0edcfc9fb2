"""The output of a run on many machines: a folder of part files, and what is finished by it.

A row is finished when a part that holds it stands under its final name, so what has been done is
read from the output alone and can never differ from it. A block that is computed twice, because a
machine died after its part was written, gives a part of the same name and content.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critech.batch.addresses import opened
from critech.batch.columns import arrow
from critech.errors import CritechError
from critech.syncing import sync_folder

if TYPE_CHECKING:
    import pyarrow as pa

REJECTED = "_rejected"
JOB = "_job.json"
Place = tuple[str, int]
Run = tuple[int, int]


@dataclass(frozen=True)
class Finished:
    """Which records are done: by source the starts and stops of runs of record numbers."""

    runs: Mapping[str, tuple[Sequence[int], Sequence[int]]] = field(default_factory=dict)

    def __contains__(self, place: Place) -> bool:
        starts, stops = self.runs.get(place[0], ((), ()))
        at = bisect_right(starts, place[1]) - 1
        return at >= 0 and place[1] < stops[at]

    def __len__(self) -> int:
        runs = self.runs.values()
        return sum(sum(stops) - sum(starts) for starts, stops in runs)

    @classmethod
    def of(cls, parts: Iterable[Iterable[Place]]) -> Finished:
        """Return what is finished when the records of these parts are. Of each part only its runs
        are kept, so memory grows with parts and not with records."""
        runs: dict[str, list[Run]] = defaultdict(list)
        for part in parts:
            for source, record in part:
                _extend(runs[source], (record, record + 1))
        merged = {source: _merged(found) for source, found in runs.items()}
        return cls({source: tuple(zip(*found, strict=True)) for source, found in merged.items()})  # type: ignore[misc]


def _merged(runs: list[Run]) -> list[Run]:
    merged: list[Run] = []
    for run in sorted(runs):
        _extend(merged, run)
    return merged


def _extend(runs: list[Run], run: Run) -> None:
    """Add a run, to the last one where it begins within it or right behind it."""
    if runs and runs[-1][0] <= run[0] <= runs[-1][1]:
        runs[-1] = (runs[-1][0], max(runs[-1][1], run[1]))
    else:
        runs.append(run)


class Parts:
    """The output folder, on a local or shared disk or, by fsspec, in object storage."""

    def __init__(self, out: str) -> None:
        self._fs, self._root = opened("output", out)
        self._is_local = "file" in self._protocols()

    def begin(self, job: Mapping[str, Any]) -> Finished:
        """Return what is finished already. Raise CritechError where the folder is the output of
        another bundle or other options, or has Parquet files of something else: rows of two kinds
        would be mixed."""
        path = f"{self._root}/{JOB}"
        is_begun = self._fs.exists(path)
        if not is_begun and self._has_tables():
            raise CritechError(f"the output folder holds Parquet files and no {JOB}: not our own")
        self._make_folders()
        if not is_begun:
            self._write(path, json.dumps(job, indent=2).encode())
            return Finished()
        before = json.loads(self._fs.cat_file(path))
        if different := [name for name in job if job[name] != before.get(name)]:
            raise CritechError(
                f"the output folder holds rows of another run: different {', '.join(different)}"
            )
        return Finished.of(self._finished_parts())

    def write(self, table: pa.Table, rejected: bool = False) -> None:
        """Write a part, named after the records in it, whole or not at all."""
        import pyarrow.parquet as pq

        places = _places(table)
        digest = hashlib.sha256(json.dumps(places).encode()).hexdigest()[:24]
        folder = f"{self._root}/{REJECTED}" if rejected else self._root
        sink = arrow().BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self._write(f"{folder}/part-{digest}.parquet", sink.getvalue())

    def tables(self, rejected: bool = False) -> pa.Table | None:
        """Return all parts as one table sorted by source and record, None where there are none."""
        import pyarrow.parquet as pq

        found = [pq.read_table(self._open(path)) for path in self._files(rejected)]
        order = [("source", "ascending"), ("record", "ascending")]
        return arrow().concat_tables(found).sort_by(order) if found else None

    def has_rejected(self) -> bool:
        """Return whether any run into the folder rejected a record."""
        return bool(self._files(rejected=True))

    def _finished_parts(self) -> Iterable[list[Place]]:
        import pyarrow.parquet as pq

        for path in (*self._files(False), *self._files(True)):
            yield _places(pq.read_table(self._open(path), columns=["source", "record"]))

    def _has_tables(self) -> bool:
        return bool(self._named(self._root) + self._named(f"{self._root}/{REJECTED}"))

    def _make_folders(self) -> None:
        root, rejected = Path(self._root), f"{self._root}/{REJECTED}"
        local = [Path(rejected), root, *root.parents] if self._is_local else []
        new = [folder for folder in local if not folder.exists()]
        self._fs.makedirs(self._root, exist_ok=True)
        self._fs.makedirs(rejected, exist_ok=True)
        for folder in new:
            sync_folder(folder.parent)

    def _files(self, rejected: bool) -> list[str]:
        folder = f"{self._root}/{REJECTED}" if rejected else self._root
        return sorted(self._named(folder, "part-"))

    def _named(self, folder: str, begin: str = "") -> list[str]:
        """Return the Parquet files right below a folder, none where there is no such folder. No
        glob is asked, to which a bracket in the folder's name would mean something."""
        try:
            found = [str(path) for path in self._fs.ls(folder, detail=False)]
        except FileNotFoundError:
            return []
        return [path for path in found if _is_table(path.rpartition("/")[2], begin)]

    def _open(self, path: str) -> pa.BufferReader:
        return arrow().BufferReader(self._fs.cat_file(path))

    def _write(self, path: str, data: Any) -> None:
        if not self._is_local:
            with self._fs.transaction, self._fs.open(path, "wb") as file:
                file.write(data)
            return
        final = Path(path)
        hidden = final.with_name(f".{final.name}.{uuid.uuid4().hex}.tmp")  # readers pass it over
        try:
            with hidden.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(final)
        except OSError:
            hidden.unlink(missing_ok=True)
            raise
        sync_folder(final.parent)

    def _protocols(self) -> tuple[str, ...]:
        found = self._fs.protocol
        return (found,) if isinstance(found, str) else tuple(found)


def paths_in(out: str) -> list[str]:
    """Return the path of a file of each kind that a run writes to an output folder."""
    return [f"{out}/{name}" for name in (JOB, "part-0.parquet", f"{REJECTED}/part-0.parquet")]


def _is_table(name: str, begin: str) -> bool:
    """Return whether a file's name is that of a table that readers do not pass over."""
    return name.startswith(begin) and name.endswith(".parquet") and not name.startswith(".")


def _places(table: pa.Table) -> list[Place]:
    """Return the different records of a table, in order."""
    columns = (table.column("source").to_pylist(), table.column("record").to_pylist())
    return list(dict.fromkeys(zip(*columns, strict=True)))
