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
from critech.cascade.certificate import Certificate
from critech.cascade.student import Student
from critech.errors import BundleError, InputError

MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Tiers:
    """A student and what it may decide."""

    student: Student
    certificate: Certificate


def read_student(bundle: Bundle, path: Path | None, n_tokens: int) -> tuple[Student, str]:
    """Return the student that lies in a bundle's folder, and its digest. Raise BundleError when it
    has none, or when the folder holds another bundle by now."""
    data, digest = _read(bundle, path, STUDENT)
    try:
        student = Student.from_bytes(data)
    except BundleError:
        raise
    except Exception as error:  # whatever a parser of hostile content raises
        raise BundleError(STUDENT, "cannot be read", "arrays", type(error).__name__) from None
    student.check(n_tokens, len(bundle.taxonomies))
    return student, digest


def read_tiers(
    bundle: Bundle, path: Path | None, n_tokens: int, certificate: Path | None = None
) -> Tiers:
    """Return a bundle's student with its certificate, or with one in a file.

    Raise BundleError when there is no student, InputError for a file that is no certificate, and
    either when the certificate was made with another model or student.
    """
    student, digest = read_student(bundle, path, n_tokens)
    own = certificate is None
    data = _read(bundle, path, CASCADE)[0] if certificate is None else _read_file(certificate)
    try:
        found = Certificate.from_dict(json.loads(data))
    except Exception as error:
        if not own:
            raise InputError("--certificate", "is not a certificate of a student") from None
        raise BundleError(CASCADE, "cannot be read", "cut-offs", type(error).__name__) from None
    expected = (model_digest(bundle.manifest), digest)
    if (found.model_digest, found.student_digest) != expected:
        raise InputError("--certificate", "was made with another model or student")
    return Tiers(student, found)


def need_certificates(tiers: Tiers, taxonomies: Sequence[str]) -> None:
    """Raise InputError that names the taxonomies asked for that have no certificate."""
    lacking = [name for name in taxonomies if tiers.certificate.of(name) is None]
    if lacking:
        raise InputError(
            "--fast",
            f"has no certificate for {', '.join(lacking)}: make one on a sample of these texts "
            "(critech certify-fast), or name other taxonomies with --taxonomy",
        )


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError("--certificate", f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise InputError("--certificate", f"is larger than {MAX_BYTES} bytes", MAX_BYTES)
    return data


def _read(bundle: Bundle, path: Path | None, name: str) -> tuple[bytes, str]:
    folder = locate(path)
    manifest = parse_manifest(read_manifest_bytes(folder))
    if manifest["digest"] != bundle.digest:
        raise BundleError("digest", "is another by now", bundle.digest, manifest["digest"])
    listed = listed_files(manifest)
    if name not in listed:
        raise BundleError(name, "is not in the bundle", "a student (docs/cascade.md)", "none")
    return read_checked(folder, name, listed), f"sha256:{listed[name]['sha256']}"
