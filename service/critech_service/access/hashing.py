"""Hashes of key secrets by scrypt, with their parameters beside them.

scrypt and not argon2, because it is in the standard library: no compiled package more to install,
update and trust on a machine without a network. Both are memory-hard. The parameters are one of the
settings that OWASP names as equal for passwords (16 MiB, p = 5), although a secret of 256 random
bits could not be guessed behind a fast hash either.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LOG2_N, R, P = 14, 8, 5
SALT_BYTES, DIGEST_BYTES = 16, 32


class KeyHash(BaseModel):
    """A salted hash; the parameters are stored so that they can be raised for new keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scheme: Literal["scrypt"] = "scrypt"
    log2_n: int = Field(LOG2_N, ge=14, le=18)
    r: int = Field(R, ge=8, le=16)
    p: int = Field(P, ge=1, le=16)
    salt: str = Field(pattern=r"^[0-9a-f]{32}$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")

    def matches(self, secret: str) -> bool:
        """Return whether the secret is the hashed one, in a time that does not depend on where
        the digests differ."""
        computed = _scrypt(secret, bytes.fromhex(self.salt), self.log2_n, self.r, self.p)
        return hmac.compare_digest(computed, bytes.fromhex(self.digest))


def hash_secret(secret: str) -> KeyHash:
    """Return the hash of a secret under a fresh salt and the current parameters."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = _scrypt(secret, salt, LOG2_N, R, P)
    return KeyHash(salt=salt.hex(), digest=digest.hex())


def decoy() -> KeyHash:
    """Return a hash that no secret is known to match, to be checked where no key is found, so that
    an unknown key id takes as long as a wrong secret."""
    return KeyHash(
        salt=secrets.token_hex(SALT_BYTES),
        digest=secrets.token_hex(DIGEST_BYTES),
    )


def _scrypt(secret: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    n = 1 << log2_n
    return hashlib.scrypt(
        secret.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=DIGEST_BYTES
    )
