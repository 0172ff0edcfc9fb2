"""The folder of a student: its arrays and its certificate, made for one model and checked to be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from critech.cascade.certificate import Certificate
from critech.cascade.student import Student
from critech.digest import digest
from critech.errors import BundleError, InputError
from critech.plain_data import read_json

STUDENT = "student.npz"
CERTIFICATE = "certificate.json"
MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class Tiers:
    """A student and what it may decide."""

    student: Student
    certificate: Certificate


def write_tiers(folder: Path, student: bytes, certificate: Certificate) -> None:
    """Write a student, as ``Student.to_bytes`` gives it, and its certificate; the certificate last,
    so that a folder that has one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CERTIFICATE).unlink(missing_ok=True)
    (folder / STUDENT).write_bytes(student)
    text = json.dumps(certificate.as_dict(), ensure_ascii=False, indent=1)
    (folder / CERTIFICATE).write_text(text + "\n", encoding="utf-8")


def read_tiers(folder: Path, model_digest: str, n_tokens: int, n_taxonomies: int) -> Tiers:
    """Return a student and its certificate.

    Raise InputError when the folder lacks one of the two, when the certificate is none or its
    bounds are not what its counts give, and when it was made with another model or student.
    """
    data = _read(folder, STUDENT)
    try:
        certificate = Certificate.from_dict(read_json(_read(folder, CERTIFICATE)))
    except InputError:
        raise
    except Exception:  # whatever a parser of hostile content raises
        raise InputError("--fast", f"{CERTIFICATE} is not a certificate of a student") from None
    if certificate.student_digest != digest(data):
        raise InputError("--fast", "the certificate was made with another student")
    if certificate.model_digest != model_digest:
        raise InputError("--fast", "the certificate was made with another bundle: distil again")
    try:
        student = Student.from_bytes(data)
        student.check(n_tokens, n_taxonomies)
    except BundleError as error:
        raise InputError("--fast", str(error)) from None
    except Exception:
        raise InputError("--fast", f"{STUDENT} cannot be read") from None
    return Tiers(student, certificate)


def need_certificates(tiers: Tiers, taxonomies: Sequence[str]) -> None:
    """Raise InputError that names the taxonomies asked for that have no certificate."""
    lacking = [name for name in taxonomies if tiers.certificate.of(name) is None]
    if lacking:
        raise InputError(
            "--fast",
            f"has no certificate for {', '.join(lacking)}: distil with more texts, or name other "
            "taxonomies with --taxonomy",
        )


def _read(folder: Path, name: str) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError("--fast", f"{name} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise InputError("--fast", f"{name} is larger than {MAX_BYTES} bytes", MAX_BYTES)
    return data
