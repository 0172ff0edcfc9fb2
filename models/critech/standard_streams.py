"""The standard streams of a process of our own, made such that none of them can end its work.

What a command says of itself goes to standard error. When nobody reads that any more (``2>&1 |
head``), the command has still to do its work and to end with its own exit code.
"""

from __future__ import annotations

import io
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Unheard(io.FileIO):
    """A file that takes what it is given, even when its reader has gone."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Return how many bytes were taken."""
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


def settle_standard_streams() -> None:
    """Put an empty file in the place of each standard stream that was closed, and let standard
    error outlive its reader. Only for a process of our own: it exchanges ``sys.stderr``."""
    if sys.stderr is not None:
        file = io.BufferedWriter(_Unheard(sys.stderr.fileno(), "w", closefd=False))
        encoding = sys.stderr.encoding
        sys.stderr = io.TextIOWrapper(file, encoding, "backslashreplace", line_buffering=True)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def is_unheard(stream: TextIO) -> bool:
    """Return whether the reader of a stream has gone."""
    asked = select.poll()
    asked.register(stream.fileno(), select.POLLOUT)
    return any(event & select.POLLERR for _, event in asked.poll(0))
