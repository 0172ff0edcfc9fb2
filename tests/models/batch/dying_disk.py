"""A disk at which the process dies at a given step, as by ``kill -9`` or by loss of power.

Every opening, writing, syncing, renaming and removing is one step; a death while writing leaves a
part of what was to be written. With loss of power, whatever was not synced is lost as well: the
content of files, and new names, each of them perhaps.
"""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any, BinaryIO

from critech.batch.disk import Disk


class Died(BaseException):
    """The process is gone: nothing may catch this and go on writing."""


class DyingDisk(Disk):
    """A disk that lets so many steps pass. ``steps`` counts those taken."""

    def __init__(self, room: int, chance: random.Random, power: bool = False) -> None:
        self.room = room
        self.steps = 0
        self.dead = False
        self._chance = chance
        self._power = power
        self._durable: dict[Path, int] = {}
        self._renamed: list[tuple[Path, Path, bytes | None]] = []
        self._removed: list[tuple[Path, bytes]] = []

    def step(self) -> bool:
        """Return whether this is the step to die at; raise Died when that is past."""
        if self.dead:
            raise Died
        self.steps += 1
        return self.steps > self.room

    def die(self) -> None:
        """Die now."""
        self.dead = True
        if self._power:
            self._lose()
        raise Died

    def _pass(self) -> None:
        if self.step():
            self.die()

    def open(self, path: Path, mode: str) -> BinaryIO:
        self._pass()
        self._durable[path] = 0 if mode == "wb" else path.stat().st_size
        return DyingFile(path, mode, self)  # type: ignore[return-value]

    def sync(self, file: BinaryIO) -> None:
        self._pass()
        path = Path(file.name)
        self._durable[path] = path.stat().st_size

    def rename(self, source: Path, target: Path) -> None:
        self._pass()
        old = target.read_bytes() if target.exists() else None
        self._renamed.append((source, target, old))
        super().rename(source, target)

    def sync_folder(self, folder: Path) -> None:
        self._pass()
        self._renamed = [one for one in self._renamed if one[1].parent != folder]
        self._removed = [one for one in self._removed if one[0].parent != folder]

    def unlink(self, path: Path) -> None:
        self._pass()
        if path.exists():
            self._removed.append((path, path.read_bytes()))
        super().unlink(path)

    def _lose(self) -> None:
        for source, target, old in reversed(self._renamed):
            if self._chance.random() < 0.5 and target.exists():
                target.replace(source)
                if old is not None:
                    target.write_bytes(old)
        for path, content in self._removed:
            if self._chance.random() < 0.5 and path.parent.is_dir():
                path.write_bytes(content)
        for path, size in self._durable.items():
            if path.exists() and path.stat().st_size > size:
                kept = self._chance.randint(size, path.stat().st_size)
                path.write_bytes(path.read_bytes()[:kept])


class DyingFile(io.FileIO):
    """A file whose every write is a step."""

    def __init__(self, path: Path, mode: str, disk: DyingDisk) -> None:
        super().__init__(path, mode)
        self._disk = disk

    def write(self, data: Any) -> int:
        raw = bytes(data)
        if self._disk.step():
            super().write(raw[: random.Random(len(raw)).randint(0, len(raw))])
            self._disk.die()
        return super().write(raw) or 0
