"""Reading a bundle's student: apart from the bundle, since only runs in two tiers need it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from critech.bundle.manifest import (
    CASCADE,
    STUDENT,
    listed_files,
    model_digest,
    parse_manifest,
    read_manifest_bytes,
)
from critech.bundle.reading import Bundle, locate, read_checked
from critech.cascade.cutoffs import CascadeModel, Share
from critech.cascade.student import Student
from critech.errors import BundleError, InputError
from critech.screening.model import lower_bound


@dataclass(frozen=True)
class Tiers:
    """A student and what it may decide."""

    student: Student
    model: CascadeModel


def read_student(bundle: Bundle, path: Path | None, n_tokens: int) -> Student:
    """Return the student that lies in a bundle's folder. Raise BundleError when it has none, or
    when the folder holds another bundle by now."""
    data = _read(bundle, path, STUDENT)
    try:
        student = Student.from_bytes(data)
    except BundleError:
        raise
    except Exception as error:  # whatever a parser of hostile content raises
        raise BundleError(STUDENT, "cannot be read", "arrays", type(error).__name__) from None
    student.check(n_tokens, len(bundle.labels))
    return student


def read_tiers(
    bundle: Bundle, path: Path | None, n_tokens: int, certificate: CascadeModel | None = None
) -> Tiers:
    """Return a bundle's student and certificates, or other certificates made for the two.

    Raise BundleError when there is no student, when the certificates are missing, were made with
    another model or student, or do not hold what they say.
    """
    model = certificate
    if model is None:
        raw = _read(bundle, path, CASCADE)
        try:
            model = CascadeModel.from_dict(json.loads(raw))
        except Exception as error:
            raise BundleError(CASCADE, "cannot be read", "cut-offs", type(error).__name__) from None
    listed = listed_files(bundle.manifest)
    expected = (model_digest(bundle.manifest), "sha256:" + str(listed[STUDENT].get("sha256")))
    if (model.model_digest, model.student_digest) != expected:
        found = (model.model_digest, model.student_digest)
        raise BundleError(CASCADE, "was certified with other files", expected, found)
    _check_bounds(model)
    return Tiers(read_student(bundle, path, n_tokens), model)


def need_certificates(tiers: Tiers, taxonomies: Sequence[str]) -> None:
    """Raise InputError that names the taxonomies asked for that have no certificate."""
    lacking = [name for name in taxonomies if tiers.model.of(name) is None]
    if lacking:
        raise InputError("--fast", f"has no certificate for {', '.join(lacking)}")


def _check_bounds(model: CascadeModel) -> None:
    """Count again: a bound that its own counts do not give, or below the target, is none."""
    for one in model.cutoffs:
        for share in (one.kept, *(() if one.accepted is None else (one.accepted,))):
            if not _holds(share, model):
                found = f"{share.successes} of {share.n} for {one.taxonomy}"
                raise BundleError(CASCADE, "does not show its share", model.target, found)
        if (one.certain is None) != (one.accepted is None):
            raise BundleError(CASCADE, "has no certificate of precision", one.taxonomy, "none")


def _holds(share: Share, model: CascadeModel) -> bool:
    if not 0 <= share.successes <= share.n:
        return False
    bound = lower_bound(share.successes, share.n, model.confidence)
    return bound >= model.target and abs(bound - share.lower_bound) < 1e-6


def _read(bundle: Bundle, path: Path | None, name: str) -> bytes:
    folder = locate(path)
    manifest = parse_manifest(read_manifest_bytes(folder))
    if manifest["digest"] != bundle.digest:
        raise BundleError("digest", "is another by now", bundle.digest, manifest["digest"])
    listed = listed_files(manifest)
    if name not in listed:
        raise BundleError(name, "is not in the bundle", "a student (docs/cascade.md)", "none")
    return read_checked(folder, name, listed)
