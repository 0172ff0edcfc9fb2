"""What will be read, said before it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from critech.batch.reading.formats import Format
from critech.batch.reading.mapping import FieldMapping
from critech.errors import InputError


@dataclass(frozen=True)
class PlannedSource:
    """One input. ``mapping`` and ``columns`` are of formats with columns: the guesses made, and
    the names found, in a folder or an archive those of the first such file; ``others`` are files
    there with other guesses, the first one for each, and ``unshown`` counts files with still
    others. ``files`` counts what is read of a folder or an archive, ``skipped`` what is passed over
    there. ``notes`` are warnings, one sentence each. ``unfit`` counts the files in which nothing
    that was looked at can become a record; ``fault`` says why not in the first of them."""

    name: str
    formats: tuple[Format, ...]
    mapping: FieldMapping | None = None
    columns: tuple[str, ...] = ()
    files: int = 1
    skipped: int = 0
    notes: tuple[str, ...] = ()
    unfit: int = 0
    fault: InputError | None = None
    others: tuple[PlannedSource, ...] = ()
    unshown: int = 0

    def fields(self) -> dict[str, str]:
        """Return the column of each field that is read."""
        return {} if self.mapping is None else self.mapping.columns()

    def __str__(self) -> str:
        unknown = "format not known yet" if self.files else "nothing to read"
        parts = [f"{self.name}: {'+'.join(self.formats) or unknown}"]
        if self.files != 1 or self.skipped:
            parts.append(f"files: {self.files} read, {self.skipped} passed over")
        if self.mapping is not None:
            parts.append(str(self.mapping))
        lines = ["; ".join((*parts, *self.notes)), *(f"  {other}" for other in self.others)]
        if self.unshown:
            lines.append(f"  files with still other columns: {self.unshown}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Plan:
    """The inputs in reading order. As text: a line for each, and one for each file whose columns
    are taken for other fields than those of the first one in its folder or archive."""

    sources: tuple[PlannedSource, ...]

    def __str__(self) -> str:
        return "\n".join(str(source) for source in self.sources)


Tell = Callable[[PlannedSource], None]
