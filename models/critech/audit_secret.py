"""The operator's secret: with it a filing is recognised in the log, without it nothing is."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from critech.audit import canonical
from critech.errors import InputError

if TYPE_CHECKING:
    from critech.screening.filing import Filing

MIN_BYTES = 32


@dataclass(frozen=True)
class AuditSecret:
    """A key for HMAC-SHA-256. It is in no representation of the object."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < MIN_BYTES:
            raise InputError("audit secret", f"must be at least {MIN_BYTES} bytes long", MIN_BYTES)

    @property
    def fingerprint(self) -> str:
        """A short name of the key, to tell records under an older one apart."""
        return self._mac("secret", b"")[:16]

    def filing(self, filing: Filing) -> dict[str, str | None]:
        """Return the digests of a filing: of all that a verdict rests on, and of its id (None
        without one). Equal filings have equal digests, whatever their ids."""
        content = asdict(filing)
        name = content.pop("id")
        date = filing.filing_date
        content["filing_date"] = None if date is None else date.isoformat()
        return {
            "hmac": "hmac-sha256:" + self._mac("filing", canonical(content)),
            "id_hmac": None if name is None else "hmac-sha256:" + self._mac("id", canonical(name)),
        }

    def _mac(self, purpose: str, data: bytes) -> str:
        message = f"critech-audit-1:{purpose}\n".encode() + data
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()


def read_secret(path: Path) -> AuditSecret:
    """Return the secret in a file, less one newline at its end. Raise InputError for a file that
    cannot be read or is too short."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("audit secret", f"cannot be read: {error.strerror}") from None
    return AuditSecret(data.removesuffix(b"\n").removesuffix(b"\r"))
