"""The file of a certificate, made for one model and student and checked to be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from critech.cascade.certificate import Certificate
from critech.errors import InputError, disk_errors
from critech.plain_data import read_json

MAX_BYTES = 1_000_000


def read_certificate(path: Path, model_digest: str, taxonomies: Sequence[str]) -> Certificate:
    """Return the certificate in a file.

    Raise InputError when it cannot be read, when it is none or its bounds are not what its counts
    give, when it was made with another model, and when it lacks a taxonomy asked for.
    """
    data = _read(path)
    try:
        certificate = Certificate.from_dict(read_json(data))
    except Exception:  # whatever a parser of hostile content raises
        raise InputError("--fast", "is not a certificate of critech certify-fast") from None
    if certificate.model_digest != model_digest:
        raise InputError("--fast", "was certified with another bundle: certify again")
    lacking = [name for name in taxonomies if certificate.cutoff(name) is None]
    if lacking:
        raise InputError(
            "--fast",
            f"has no certificate for {', '.join(lacking)}: certify with more texts, or name other "
            "taxonomies with --taxonomy",
        )
    return certificate


def _read(path: Path) -> bytes:
    with disk_errors("--fast", "cannot be read"):
        if not path.is_file():
            raise InputError("--fast", "is not a file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError("--fast", f"is larger than {MAX_BYTES} bytes", MAX_BYTES)
    return data
