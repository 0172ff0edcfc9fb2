"""A bundles directory: folders of bundles, and a file that says which of them is current.

The file ``current`` has the name of one folder on each line, the current one first, those before
it below. It is only ever replaced as a whole, so that the current bundle and the way back change in
one step.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from critech.bundle.manifest import MANIFEST
from critech.errors import BundleError
from critech.syncing import sync_folder

POINTER = "current"
MAX_BYTES = 65_536
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}", re.ASCII)


def is_folder_name(name: str) -> bool:
    """Return whether a name may be that of a bundle's folder: one plain path segment."""
    return _NAME.fullmatch(name) is not None


def current_folder(path: Path) -> Path:
    """Return the current bundle of a bundles directory; any other path as it is. BundleError when
    the path cannot be looked into."""
    try:
        if (path / MANIFEST).exists() or not (path / POINTER).is_file():
            return path
    except OSError as error:  # a name that is too long, a folder of others
        raise BundleError(MANIFEST, "cannot be read", "a folder", error.strerror) from None
    return path / read_pointer(path)[0]


def read_pointer(directory: Path) -> tuple[str, ...]:
    """Return the folder names in a directory's pointer, the current one first; none where there is
    no pointer. BundleError when it cannot be read or is damaged."""
    try:
        with (directory / POINTER).open("rb") as file:
            data = file.read(MAX_BYTES)
    except FileNotFoundError:
        return ()
    except OSError as error:
        found = error.strerror
        raise BundleError(POINTER, "cannot be read", f"a file in {directory}", found) from None
    names = tuple(data.decode("utf-8", "replace").splitlines())
    if not names or not all(map(is_folder_name, names)):
        raise BundleError(POINTER, "is damaged", "names of folders", "something else")
    return names


def write_pointer(directory: Path, names: Sequence[str]) -> None:
    """Replace the pointer, in one step that lasts once this returns. May raise OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".current-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("".join(f"{name}\n" for name in names))
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(temporary).replace(directory / POINTER)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(directory)
