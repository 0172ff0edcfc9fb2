"""A bundles directory: install and roll back, safe against a crash at any point.

No file that is in use is ever written to. A new bundle is taken in under a temporary name, tried,
brought to the disk and renamed; then the pointer is replaced. A crash in between leaves the old
bundle current, and at most a folder that the next install removes or takes up.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from critech.bundle.checking import check_bundle
from critech.bundle.manifest import SIGNATURE
from critech.bundle.pointer import is_folder_name, read_pointer, write_pointer
from critech.bundle.reading import Bundle, read_bundle
from critech.bundle.signature import TrustedKey
from critech.errors import BundleError, InputError, disk_errors
from critech.installing.intake import Limits
from critech.installing.sources import take_in
from critech.syncing import sync_file, sync_folder

LOCK = ".lock"
STAGING = ".staging-"
LOCK_SECONDS = 60.0
MAX_KEPT = 64
_POLL_SECONDS = 0.02

Trial = Callable[[Path], None]


@dataclass(frozen=True)
class Switched:
    """The bundle that is current now, and the folder name of the one before, if there was one."""

    bundle: Bundle
    folder: Path
    before: str | None


class BundlesDirectory:
    """The bundles directory at a path, which comes into being with the first install."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self.path = path
        self.limits = limits or Limits()

    def install(self, source: Path, trial: Trial, key: TrustedKey | None = None) -> Switched:
        """Take a bundle in from a folder or an archive, try it, and make it the current one.

        ``trial`` is handed the folder of a verified bundle and raises BundleError to refuse it.
        Raise BundleError when the bundle is refused, with nothing changed, and InputError when
        the directory cannot be written.
        """
        with self._writing(create=True), self._staging() as staged:
            take_in(source, staged, self.limits)
            report = check_bundle(staged, key)
            report.raise_first()
            assert report.bundle is not None
            trial(staged)
            folder = self._settle(staged, report.bundle, trusted=report.signed is not None)
            return self._switch(folder.name, report.bundle)

    def rollback(self, key: TrustedKey | None = None) -> Switched:
        """Make the bundle before the current one current again, after it was verified; the one
        that is left is no longer on the way back. BundleError when there is none or it is damaged.
        """
        with self._writing():
            current, *before = read_pointer(self.path) or ("",)
            before = self._there(before)
            if not before:
                raise BundleError("current", "cannot be rolled back", "a bundle before it", "none")
            bundle = read_bundle(self.path / before[0], key)
            write_pointer(self.path, before)
            return Switched(bundle, self.path / before[0], current)

    def _switch(self, name: str, bundle: Bundle) -> Switched:
        names = read_pointer(self.path)
        before = names[0] if names else None
        if before != name:
            write_pointer(self.path, [name, *self._there(old for old in names if old != name)])
        return Switched(bundle, self.path / name, before)

    def _there(self, names: Iterable[str]) -> list[str]:
        """Return the names whose folders nobody has removed, as many as are kept."""
        return [name for name in names if (self.path / name).is_dir()][:MAX_KEPT]

    def _settle(self, staged: Path, bundle: Bundle, trusted: bool) -> Path:
        """Give the staged folder its final name; an equal bundle that is there already is kept."""
        name = f"{bundle.name}-{bundle.version}-{bundle.digest.rpartition(':')[2][:16]}"
        if not is_folder_name(name):
            raise BundleError(
                "manifest.json", "has an unusable name", "letters, digits, . _ + -", "other"
            )
        final = self.path / name
        if final.exists():
            there = check_bundle(final)
            there.raise_first()
            if there.bundle is None or there.bundle.digest != bundle.digest:
                found = "none" if there.bundle is None else there.bundle.digest
                raise BundleError(name, "holds another bundle", bundle.digest, found)
            _keep_signature(staged, final, replace=trusted)
            return final
        for path in staged.iterdir():
            path.chmod(0o644)
            sync_file(path)
        staged.chmod(0o755)
        sync_folder(staged)
        staged.rename(final)
        sync_folder(self.path)
        return final

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """Yield an empty folder, and leave none behind, nor those of others who crashed."""
        for left in self.path.glob(f"{STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            dir=self.path, prefix=STAGING, ignore_cleanup_errors=True
        ) as above:
            staged = Path(above) / "bundle"
            staged.mkdir()
            yield staged

    @contextmanager
    def _writing(self, create: bool = False) -> Iterator[None]:
        """Hold the directory's lock; a file system that cannot be written is an InputError."""
        with disk_errors(f"bundles directory {self.path}", "cannot be read or written"):
            if create:
                self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                _lock(descriptor)
                yield
            finally:
                os.close(descriptor)


def _keep_signature(staged: Path, final: Path, replace: bool) -> None:
    """Add the signature that came with an equal bundle, over another one only if it was checked."""
    if (staged / SIGNATURE).exists() and (replace or not (final / SIGNATURE).exists()):
        (staged / SIGNATURE).chmod(0o644)
        sync_file(staged / SIGNATURE)
        (staged / SIGNATURE).replace(final / SIGNATURE)
        sync_folder(final)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise InputError("bundles directory", "is locked by another command") from None
            time.sleep(_POLL_SECONDS)
