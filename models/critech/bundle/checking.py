"""Everything that is wrong with a bundle's folder, not just the first thing.

``read_bundle`` refuses what it cannot trust and passes over what it does not read. This looks at
the whole folder: a file too many or a link out of it harms nobody who only reads the bundle, and
shows that somebody was at it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from critech.bundle.manifest import (
    LABELS,
    MANIFEST,
    OPTIONAL,
    REQUIRED,
    SIGNATURE,
    listed_files,
    parse_manifest,
    read_manifest_bytes,
)
from critech.bundle.pointer import is_folder_name
from critech.bundle.reading import Bundle, locate, read_bundle
from critech.bundle.signature import Signed, TrustedKey
from critech.errors import BundleError
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order

PIECE = 1 << 20


@dataclass(frozen=True)
class Report:
    """What was found wrong. ``bundle`` is there when it could be read, ``signed`` when a key was
    given and its signature holds."""

    folder: Path
    findings: tuple[BundleError, ...]
    bundle: Bundle | None = None
    signed: Signed | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        bundle, signed = self.bundle, self.signed
        return {
            "folder": str(self.folder),
            "sound": not self.findings,
            "name": None if bundle is None else bundle.name,
            "version": None if bundle is None else bundle.version,
            "digest": None if bundle is None else bundle.digest,
            "signed_by": None if signed is None else signed.key_id,
            "findings": [
                {
                    "part": one.part,
                    "problem": one.problem,
                    "expected": str(one.expected),
                    "found": str(one.found),
                }
                for one in self.findings
            ],
        }

    def raise_first(self) -> None:
        """Raise the first finding, which says how many there are, if there is one."""
        if not self.findings:
            return
        first, more = self.findings[0], len(self.findings) - 1
        problem = first.problem + (f", and {more} more" if more else "")
        raise BundleError(first.part, problem, first.expected, first.found)


def check_bundle(path: Path | None = None, key: TrustedKey | None = None) -> Report:
    """Return all that is wrong with a bundle: signature, manifest, every file, files that should
    not be there, links out of the folder, and in a folder without these, content and label order.
    Nothing of a manifest is looked at that the key has not signed."""
    folder = locate(path)
    try:
        data = read_manifest_bytes(folder)
        signed = None if key is None else key.check(folder, data)
        manifest = parse_manifest(data)
    except BundleError as error:
        return Report(folder, (error,))
    findings = [*_files(folder, manifest), *_others(folder, manifest)]
    bundle = None
    if not findings:
        try:
            bundle = read_bundle(folder)
            findings += _labels(bundle)
        except BundleError as error:
            findings.append(error)
    return Report(folder, tuple(findings), bundle, signed)


def _files(folder: Path, manifest: Mapping[str, Any]) -> Iterator[BundleError]:
    """Yield what is wrong with the files that the manifest lists or should list."""
    listed = listed_files(manifest)
    for name in REQUIRED:
        if name not in listed:
            yield BundleError(name, "is not in the manifest", "a SHA-256", "none")
    for name, entry in listed.items():
        if name in (MANIFEST, SIGNATURE) or not is_folder_name(name):
            yield BundleError(MANIFEST, "lists what is no file of a bundle", "a name", "other")
        elif (finding := _file(folder / name, name, entry)) is not None:
            yield finding


def _file(path: Path, name: str, entry: Mapping[str, Any]) -> BundleError | None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return BundleError(name, "is no file", "a regular file", "something else")
        size = path.stat().st_size
        if entry.get("bytes", size) != size:
            return BundleError(name, "has another size", entry["bytes"], size)
        digest = _sha256(path)
    except OSError as error:
        problem = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        return BundleError(name, problem, entry.get("sha256"), error.strerror)
    if entry.get("sha256") != digest:
        return BundleError(name, "has another SHA-256", entry.get("sha256"), digest)
    return None


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def _others(folder: Path, manifest: Mapping[str, Any]) -> Iterator[BundleError]:
    """Yield what stands in the folder and should not."""
    known = {MANIFEST, SIGNATURE, *listed_files(manifest)}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = ascii(entry.name)[1:-1]  # as a line of its own, whatever it is made of
            if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(folder):
                yield BundleError(name, "is a link out of the folder", "a file", "a link")
            elif entry.name not in known:
                expected = f"files of the manifest, such as {', '.join(OPTIONAL)}"
                kind = "a folder" if entry.is_dir() else "a file"
                yield BundleError(name, "is not in the manifest", expected, kind)


def _labels(bundle: Bundle) -> Iterator[BundleError]:
    """Yield where the bundle's labels are others than this version of critech knows."""
    own = load_taxonomies()
    for taxonomy in bundle.taxonomies:
        if taxonomy.id not in own:
            expected = ", ".join(own)
            yield BundleError(LABELS, "has a taxonomy unknown here", expected, taxonomy.id)
            continue
        expected_order = label_order([own[taxonomy.id]])
        if (found := label_order([taxonomy])) != expected_order:
            at = next(
                (i for i, pair in enumerate(zip(expected_order, found, strict=False))
                 if pair[0] != pair[1]),
                min(len(expected_order), len(found)),
            )  # fmt: skip
            yield BundleError(
                LABELS,
                f"{taxonomy.id} has other labels than critech's, from position {at}",
                f"{len(expected_order)} labels",
                f"{len(found)} labels",
            )
