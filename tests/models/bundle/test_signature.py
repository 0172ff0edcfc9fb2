"""Signatures: only the right key over the right bytes counts."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import stat
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from bundle_edits import edit_manifest, variant
from critech.bundle import MANIFEST, METRICS, read_bundle, write_screening
from critech.bundle.checking import check_bundle
from critech.bundle.manifest import SIGNATURE
from critech.bundle.signature import (
    generate,
    needs_password,
    read_public_key,
    read_signed,
    sign_bundle,
)
from critech.errors import BundleError, InputError

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    secret, public = tmp_path / "office.key", tmp_path / "office.pub"
    generate(secret, public, None)
    return secret, public


def test_a_signed_bundle_is_read(copy: Path, pair: tuple[Path, Path]) -> None:
    secret, public = pair
    key = read_public_key(public)
    signed = sign_bundle(copy, secret, None, NOON)
    bundle = read_bundle(copy, key)
    assert signed.key_id == key.key_id
    assert signed.comment == f"critech bundle tiny {bundle.version} {bundle.digest} 2026-11-22T12:00:00Z"  # fmt: skip  # noqa: E501
    report = check_bundle(copy, key)
    assert (report.findings, report.signed) == ((), signed)
    assert read_signed(copy) == signed
    assert read_bundle(copy).digest == bundle.digest  # without a key it is an ordinary bundle


def test_an_unsigned_bundle_is_refused(copy: Path, pair: tuple[Path, Path]) -> None:
    key = read_public_key(pair[1])
    with pytest.raises(BundleError, match="minisig: is missing"):
        read_bundle(copy, key)
    assert [one.part for one in check_bundle(copy, key).findings] == [SIGNATURE]
    assert read_signed(copy) is None


def test_another_key_is_refused(copy: Path, pair: tuple[Path, Path], tmp_path: Path) -> None:
    generate(tmp_path / "other.key", tmp_path / "other.pub", None)
    sign_bundle(copy, tmp_path / "other.key", None, NOON)
    with pytest.raises(BundleError, match="is by another key"):
        read_bundle(copy, read_public_key(pair[1]))


def test_a_signature_of_another_bundle_is_refused(
    copy: Path, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    secret, public = pair
    other = variant(copy, tmp_path / "other", "9.9")
    sign_bundle(other, secret, None, NOON)
    shutil.copy(other / SIGNATURE, copy / SIGNATURE)
    with pytest.raises(BundleError, match="does not hold"):
        read_bundle(copy, read_public_key(public))


def test_a_manifest_changed_after_signing_is_refused(copy: Path, pair: tuple[Path, Path]) -> None:
    secret, public = pair
    sign_bundle(copy, secret, None, NOON)
    edit_manifest(copy, version="9.9")  # with a digest that fits
    assert read_bundle(copy).version == "9.9"
    with pytest.raises(BundleError, match="does not hold"):
        read_bundle(copy, read_public_key(public))


@pytest.mark.parametrize("manifest", [b"", b"{", b"[" * 99_999, b'{"format": 99}'])
def test_nothing_is_read_that_is_not_signed(
    copy: Path, pair: tuple[Path, Path], manifest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signature comes before manifest and files, however broken these are."""
    key = read_public_key(pair[1])
    sign_bundle(copy, pair[0], None, NOON)
    (copy / MANIFEST).write_bytes(manifest)
    (copy / METRICS).unlink()

    def untouched(*_: object) -> NoReturn:
        raise AssertionError("is read before the signature")

    for module in ("reading", "checking"):
        monkeypatch.setattr(f"critech.bundle.{module}.parse_manifest", untouched)
    with pytest.raises(BundleError, match="minisig: does not hold"):
        read_bundle(copy, key)
    assert [one.part for one in check_bundle(copy, key).findings] == [SIGNATURE]
    (copy / SIGNATURE).unlink()
    with pytest.raises(BundleError, match="minisig: is missing"):
        read_bundle(copy, key)


def test_a_bundle_that_is_written_anew_is_not_signed(copy: Path, pair: tuple[Path, Path]) -> None:
    key, screening = read_public_key(pair[1]), read_bundle(copy).screening
    assert screening is not None
    sign_bundle(copy, pair[0], None, NOON)
    write_screening(copy, dataclasses.replace(screening, cutoff_rule="another rule"))
    assert read_signed(copy) is None
    with pytest.raises(BundleError, match="minisig: is missing"):
        read_bundle(copy, key)
    sign_bundle(copy, pair[0], None, NOON)
    read_bundle(copy, key)


def test_a_file_changed_after_signing_is_refused(copy: Path, pair: tuple[Path, Path]) -> None:
    sign_bundle(copy, pair[0], None, NOON)
    (copy / METRICS).write_bytes(b"{}")
    with pytest.raises(BundleError, match="has another SHA-256"):
        read_bundle(copy, read_public_key(pair[1]))


def test_every_byte_of_a_signature_counts(copy: Path, pair: tuple[Path, Path]) -> None:
    """Only the first line, a comment that nobody signs, may be changed."""
    sign_bundle(copy, pair[0], None, NOON)
    key, data = read_public_key(pair[1]), (copy / SIGNATURE).read_bytes()
    begin = data.index(b"\n") + 1
    for at in range(begin, len(data) - 1):
        (copy / SIGNATURE).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(BundleError) as caught:
            read_bundle(copy, key)
        assert caught.value.part == SIGNATURE


@pytest.mark.parametrize("data", [b"", b"x", b"\n\n\n\n", b"\xff" * 400, b"a\nb\nc\nd"])
def test_what_is_no_signature_is_refused(copy: Path, pair: tuple[Path, Path], data: bytes) -> None:
    (copy / SIGNATURE).write_bytes(data)
    with pytest.raises(BundleError, match="minisig: cannot be read"):
        read_bundle(copy, read_public_key(pair[1]))
    with pytest.raises(BundleError, match="minisig: cannot be read"):
        read_signed(copy)


def test_a_secret_key_is_its_owners_only_and_never_written_over(tmp_path: Path) -> None:
    secret, public = tmp_path / "a.key", tmp_path / "a.pub"
    generate(secret, public, "correct horse")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    kept = secret.read_bytes(), public.read_bytes()
    for new in ((secret, tmp_path / "b.pub"), (tmp_path / "b.key", public)):
        with pytest.raises(InputError, match="cannot be written"):
            generate(*new, None)
    assert (secret.read_bytes(), public.read_bytes()) == kept
    assert not (tmp_path / "b.pub").exists()


def test_a_password_is_needed_and_checked(copy: Path, tmp_path: Path) -> None:
    secret, public = tmp_path / "a.key", tmp_path / "a.pub"
    generate(secret, public, "correct horse")
    assert needs_password(secret)
    for wrong in ("wrong", "", None):
        with pytest.raises(InputError, match="password: is not that of the key"):
            sign_bundle(copy, secret, wrong, NOON)
    assert not (copy / SIGNATURE).exists()
    sign_bundle(copy, secret, "correct horse", NOON)
    read_bundle(copy, read_public_key(public))


@pytest.mark.parametrize("data", [b"", b"untrusted comment: x\nAAAA\n", b"\xff\xfe", b"x" * 9_999])
def test_what_is_no_key_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    for read in (read_public_key, needs_password):
        with pytest.raises(InputError, match=r"is no (public|secret) key"):
            read(tmp_path / "key")
        with pytest.raises(InputError, match="cannot be read"):
            read(tmp_path / "nowhere")


@pytest.mark.skipif(shutil.which("minisign") is None, reason="needs the tool minisign")
def test_the_tool_minisign_agrees(copy: Path, pair: tuple[Path, Path]) -> None:
    secret, public = pair
    signed = sign_bundle(copy, secret, None, NOON)
    command = ["minisign", "-V", "-m", str(copy / MANIFEST), "-p", str(public)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert signed.comment in done.stdout
    assert signed.key_id in public.read_text()
    (copy / SIGNATURE).unlink()
    by_tool = ["minisign", "-S", "-m", str(copy / MANIFEST), "-s", str(secret), "-W"]
    subprocess.run(by_tool, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    assert read_bundle(copy, read_public_key(public)).name == "tiny"
