"""Signatures of bundles: Ed25519 in the format of minisign, over the bytes of the manifest.

The manifest holds the checksum of every file, so a signature over it covers the bundle. It stands
beside it as ``manifest.json.minisig`` and can be checked by the tool ``minisign`` as well. Needs
the extra ``signing``.
"""

from __future__ import annotations

import base64
import datetime as dt
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from critech.bundle.manifest import MANIFEST, SIGNATURE, parse_manifest, read_manifest_bytes
from critech.errors import BundleError, CritechError, InputError

MAX_BYTES = 16_384


@dataclass(frozen=True)
class Signed:
    """What a signature says: the id of the key, and the maker's comment, which it covers."""

    key_id: str
    comment: str


@dataclass(frozen=True)
class TrustedKey:
    """A public key that bundles must be signed by."""

    key_id: str
    _key: Any

    def check(self, folder: Path, manifest: bytes) -> Signed:
        """Return what the signature in a folder says of a manifest; BundleError when it is missing
        or is not this key's over these bytes."""
        signature = _read_signature(folder)
        if signature is None:
            raise BundleError(SIGNATURE, "is missing", f"a signature by {self.key_id}", "none")
        found = described(signature)
        if found.key_id != self.key_id:
            raise BundleError(SIGNATURE, "is by another key", self.key_id, found.key_id)
        try:
            self._key.verify(manifest, signature)
        except _minisign().Error:
            expected = f"one by {self.key_id} over {MANIFEST}"
            raise BundleError(SIGNATURE, "does not hold", expected, "another") from None
        return found


def read_public_key(path: Path) -> TrustedKey:
    """Return the public key in a file; InputError when there is none."""
    minisign = _minisign()
    try:
        key = minisign.PublicKey.from_bytes(_read(path))
    except OSError as error:
        raise InputError(f"key {path}", f"cannot be read ({error.strerror})") from None
    except ValueError:
        raise InputError(f"key {path}", "is no public key of minisign's format") from None
    return TrustedKey(_key_id(key.to_base64()), key)


def read_signed(folder: Path) -> Signed | None:
    """Return what the signature in a folder claims, unchecked; None without one. BundleError when
    it cannot be read."""
    signature = _read_signature(folder)
    return None if signature is None else described(signature)


def described(signature: Any) -> Signed:
    """Return what a signature says, the comment without what does not print."""
    comment = "".join(char if char.isprintable() else "?" for char in signature.trusted_comment)
    return Signed(_key_id(bytes(signature).splitlines()[1]), comment)


def generate(secret: Path, public: Path, password: str | None) -> str:
    """Write a new key pair to two files that are not there yet, the secret one for its owner only
    and, with a password, encrypted. Return the key's id."""
    pair = _minisign().KeyPair.generate()
    name = _key_id(pair.public_key.to_base64())
    pair.public_key.untrusted_comment = f"minisign public key {name}"
    if password:
        pair.secret_key.encrypt(password)
    _write_new(public, bytes(pair.public_key), 0o644)
    try:
        _write_new(secret, bytes(pair.secret_key), 0o600)
    except InputError:
        public.unlink()
        raise
    return name


def needs_password(path: Path) -> bool:
    """Return whether a secret key is encrypted; InputError when the file holds none."""
    return bool(_read_secret(path).is_encrypted())


def sign_bundle(folder: Path, path: Path, password: str | None, now: dt.datetime) -> Signed:
    """Sign the bundle in a folder with the secret key in a file. The caller has made sure that the
    bundle is sound. InputError when the key cannot be used, BundleError for a broken manifest."""
    data = read_manifest_bytes(folder)
    manifest = parse_manifest(data)
    stamp = now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    comment = (
        f"critech bundle {manifest['name']} {manifest['version']} {manifest['digest']} {stamp}"
    )
    with _read_secret(path) as secret:
        try:
            if secret.is_encrypted():
                secret.decrypt(password or "")
        except _minisign().Error:
            raise InputError("password", "is not that of the key") from None
        try:
            signature = secret.sign(data, trusted_comment=comment)
        except ValueError:
            raise BundleError(MANIFEST, "cannot be signed", "ASCII in the name", "other") from None
    _replace(folder / SIGNATURE, bytes(signature) + b"\n")
    return described(signature)


def _read_signature(folder: Path) -> Any:
    try:
        return _minisign().Signature.from_bytes(_read(folder / SIGNATURE))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise BundleError(SIGNATURE, "cannot be read", "minisign's format", "other") from None


def _read_secret(path: Path) -> Any:
    try:
        return _minisign().SecretKey.from_bytes(_read(path))
    except OSError as error:
        raise InputError(f"key {path}", f"cannot be read ({error.strerror})") from None
    except ValueError:
        raise InputError(f"key {path}", "is no secret key of minisign's format") from None


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would never end
        raise OSError(errno.EINVAL, "is no file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise InputError(f"key {path}", f"cannot be written ({error.strerror})") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data + b"\n")


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError("folder", f"cannot be written ({error.strerror})") from None


def _key_id(line: bytes) -> str:
    """Return the key id in a line of minisign's format, as that tool shows it: bytes 2 to 10, a
    little-endian number, in hexadecimal."""
    return base64.b64decode(line)[2:10][::-1].hex().upper()


def _minisign() -> ModuleType:
    try:
        import minisign
    except ModuleNotFoundError:
        raise CritechError("signatures need py-minisign: pip install 'critech[signing]'") from None
    module: ModuleType = minisign
    return module
