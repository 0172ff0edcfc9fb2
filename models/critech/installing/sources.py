"""Where a bundle comes from: a folder or an archive."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from critech.bundle.manifest import MANIFEST
from critech.errors import BundleError, CritechError, disk_errors
from critech.installing.archives import unpack
from critech.installing.intake import Intake, Limits, refusal


def take_in(source: Path, folder: Path, limits: Limits) -> None:
    """Copy the files of a bundle's folder, a ``.tar.gz`` or a ``.zip`` into an empty folder.

    Which of them it is shows in the content, not in the name. Raise BundleError when there is none,
    or it is broken or holds what no bundle has; InputError where it cannot be opened or
    nothing can be written.
    """
    with disk_errors("source", "cannot be read"):
        if source.is_dir():
            _copy(source, folder, limits)
            return
        if not source.is_file():
            raise BundleError(MANIFEST, "cannot be read", "a folder or an archive", "neither")
        source.open("rb").close()  # what is wrong from here on is the archive's content
    try:
        unpack(source, folder, limits)
    except CritechError:
        raise
    except Exception as error:  # whatever a parser raises at hostile content
        raise refusal("is broken", "a whole archive", type(error).__name__) from None


def _copy(source: Path, folder: Path, limits: Limits) -> None:
    intake = Intake(folder, limits.total)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_symlink() or not stat.S_ISREG(entry.stat().st_mode):
                raise BundleError(ascii(entry.name)[1:-1], "is no plain file", "a file", "other")
            with Path(entry.path).open("rb") as data:
                intake.add(entry.name, data)
