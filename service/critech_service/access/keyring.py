"""The keys that a running service accepts, kept up with the keys file.

A hash by scrypt takes a tenth of a second or more, so a key that was verified once is remembered by
a fast hash under a secret of this process: at most ``MAX_REMEMBERED`` keys, the longest unused
forgotten first. What is remembered is only that this key belongs to that record; whether the record
still stands, is not revoked and has not expired is looked up at every request.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections import OrderedDict
from pathlib import Path

from critech_service.access.hashing import KeyHash, decoy
from critech_service.access.records import KeyFile, KeyRecord, split_token
from critech_service.access.store import KeysError, UnreadableError, parse_keys, read_keys
from critech_service.settings import Settings

log = logging.getLogger("critech")

MAX_REMEMBERED = 1_024
Stamp = tuple[int, ...]


class KeyRing:
    """Keys from a file, which is followed, or fixed ones."""

    def __init__(self, keys: KeyFile, path: Path | None = None, stamp: Stamp | None = None) -> None:
        self._path = path
        self._stamp = stamp
        self._records = {record.id: record for record in keys.keys}
        self._error: KeysError | None = None
        self._decoy = decoy()
        self._pepper = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, tuple[str, KeyHash]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    @classmethod
    def from_settings(cls, settings: Settings) -> KeyRing | None:
        """Return the keys of the settings, None where these name none; KeysError if unusable."""
        if settings.keys is not None and settings.keys_file is not None:
            raise KeysError("CRITECH_KEYS", "give this or CRITECH_KEYS_FILE, not both")
        if settings.keys is not None:
            return cls(parse_keys(settings.keys.get_secret_value(), "CRITECH_KEYS"))
        if settings.keys_file is not None:
            stamp = _stamp(settings.keys_file)
            return cls(read_keys(settings.keys_file), settings.keys_file, stamp)
        return None

    def refresh(self) -> None:
        """Read the file again if it changed. KeysError while it cannot be used: a key that was
        meant to be revoked must not live on behind a broken file."""
        if self._path is None:
            return
        changed = (stamp := _stamp(self._path)) != self._stamp
        if changed or isinstance(self._error, UnreadableError):
            self._stamp = stamp
            try:
                keys = read_keys(self._path)
            except KeysError as error:
                self._error = error
                if changed:
                    log.error("every key is refused: %s", error)
            else:
                self._records = {record.id: record for record in keys.keys}
                self._error = None
                log.warning("keys file read again: %d keys", len(self))
        if self._error is not None:
            raise self._error

    def recall(self, token: str) -> KeyRecord | None:
        """Return the record of a key that was verified before, without hashing slowly."""
        name = self.fingerprint(token)
        if (found := self._remembered.get(name)) is None:
            return None
        if (record := self.standing(*found)) is not None:
            self._remembered.move_to_end(name)
        return record

    def standing(self, key_id: str, hashed: KeyHash) -> KeyRecord | None:
        """Return what is now kept of a key that was verified, None where it was taken out or has
        another secret."""
        record = self._records.get(key_id)
        return record if record is not None and record.hashed == hashed else None

    def verify(self, token: str) -> KeyRecord | None:
        """Return the record of a key after a slow check, None if there is none. Any token of the
        form of a key costs one scrypt, also one with an unknown id. Runs in a worker thread."""
        parts = split_token(token)
        if parts is None:
            return None
        key_id, secret = parts
        record = self._records.get(key_id)
        hashed = self._decoy if record is None else record.hashed
        if not hashed.matches(secret) or record is None:
            return None
        return record

    def remember(self, token: str, record: KeyRecord) -> None:
        """Keep in memory that a key was verified."""
        self._remembered[self.fingerprint(token)] = (record.id, record.hashed)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)

    def fingerprint(self, token: str) -> bytes:
        """Return the fast hash of a token, of use in this process only."""
        return hashlib.blake2b(token.encode(), key=self._pepper, digest_size=32).digest()


def _stamp(path: Path) -> Stamp | None:
    """Return what changes with the file: content, mode or the file itself; None if absent."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)
