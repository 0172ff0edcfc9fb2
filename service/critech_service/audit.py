"""The audit log at the edge: opened from the settings, written before an answer is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from critech.audit import Link, screening_entries
from critech.audit_log import AuditLog
from critech.audit_secret import AuditSecret, read_secret
from critech.errors import InputError
from critech.screening.filing import Filing
from critech.screening.results import Screening
from critech.screening.screen import Screener
from critech_service.settings import Settings


@dataclass(frozen=True)
class Audit:
    """The log and the secret of its digests."""

    log: AuditLog
    secret: AuditSecret

    def record(
        self, screener: Screener, filings: Sequence[Filing], found: Screening, key_id: str | None
    ) -> list[Link]:
        """Put screened filings on record; return their places. Raise AuditError when they cannot
        be."""
        certificate = None if screener.model is None else screener.model.certificate
        return self.log.append(screening_entries(filings, found, certificate, self.secret, key_id))


def open_audit(settings: Settings) -> Audit | None:
    """Return the audit log that the settings name, or None.

    Raise InputError when its secret is missing, given twice or too short, AuditError when the log
    cannot be written.
    """
    if settings.audit_log is None:
        return None
    secret = _secret(settings)
    log = AuditLog(settings.audit_log, settings.audit_fsync, settings.audit_max_bytes)
    return Audit(log, secret)


def _secret(settings: Settings) -> AuditSecret:
    file, key = settings.audit_hmac_file, settings.audit_hmac_key
    if file is not None and key is None:
        return read_secret(file)
    if key is not None and file is None:
        return AuditSecret(key.get_secret_value().encode())
    problem = "the audit log needs a secret: set this or audit_hmac_key, one of them"
    raise InputError("setting audit_hmac_file", problem)
