"""The keys file: read only when nobody else can read it, replaced in one step.

Prevents a keys file left open to other users from being trusted, a crash from leaving half a file,
and two commands at once from losing each other's key.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from critech.errors import CritechError
from critech_service.access.records import KeyFile

MAX_BYTES = 2_000_000


class KeysError(CritechError):
    """The keys cannot be used: where they come from, what is wrong with them."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"{source}: {problem}")
        self.source = source
        self.problem = problem


class UnreadableError(KeysError):
    """The system does not hand the file over, which may pass while the file stays as it is."""


def parse_keys(text: str | bytes, source: str) -> KeyFile:
    """Return the keys from JSON; an error names the place, never what stands there."""
    try:
        return KeyFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise KeysError(source, "is not JSON") from None
        known = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
        place = ".".join(str(part) for part in known) or "top level"
        raise KeysError(source, f"{place}: {first['msg']}") from None


def read_keys(path: Path) -> KeyFile:
    """Return the keys in a file, refusing one that group or others may touch."""
    source = f"keys file {path}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check(os.fstat(descriptor), source)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                text = file.read(MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableError(source, f"cannot be read ({error.strerror})") from None
    if len(text) > MAX_BYTES:
        raise KeysError(source, f"is larger than {MAX_BYTES} bytes")
    return parse_keys(text, source)


def _check(found: os.stat_result, source: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeysError(source, "is not a file")
    if bits := stat.S_IMODE(found.st_mode) & 0o077:
        raise KeysError(source, f"is open to group or others (bits {bits:03o}); `chmod 600` it")


def update_keys(path: Path, change: Callable[[KeyFile], KeyFile]) -> None:
    """Apply a change to the file, which comes into being if absent; one command at a time."""
    path = Path(os.path.realpath(path))
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            before = read_keys(path) if path.exists() else KeyFile()
            _replace(path, change(before))
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeysError(f"keys file {path}", f"cannot be written ({error.strerror})") from None


def _replace(path: Path, keys: KeyFile) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(keys.model_dump_json(indent=1) + "\n")
            file.flush()
            if path.exists() and os.geteuid() == 0:  # root must not take the file from its owner
                owner = path.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
