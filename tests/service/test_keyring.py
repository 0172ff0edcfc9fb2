"""The keys that a running service accepts: checked, remembered, kept up with the file."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import Any

import pytest
from key_samples import RECORD, TOKEN

from critech_service.access import keyring as keyring_module
from critech_service.access.hashing import decoy
from critech_service.access.keyring import KeyRing
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import KeysError, update_keys
from critech_service.settings import Settings

SECRET = "canary-5f2c"


def test_an_unknown_id_costs_what_a_wrong_secret_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing(KeyFile(keys=(RECORD,)))
    calls: list[dict[str, Any]] = []
    scrypt = hashlib.scrypt

    def counted(secret: bytes, **options: Any) -> bytes:
        calls.append({k: v for k, v in options.items() if k != "salt"} | {"length": len(secret)})
        return scrypt(secret, **options)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    secret = TOKEN.rpartition(f"{RECORD.id}_")[2]
    assert ring.verify(f"ck_{RECORD.id}_{'x' * 43}") is None
    assert ring.verify(f"ck_{'0' * 12}_{secret}") is None
    assert ring.verify(TOKEN) == RECORD
    assert len(calls) == 3
    assert calls[0] == calls[1] == calls[2]
    assert ring.verify("ck_short") is None
    assert len(calls) == 3


def test_a_verified_key_is_remembered_for_its_record_only(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing.from_settings(Settings(keys_file=kept))
    assert ring is not None
    assert ring.recall(TOKEN) is None
    ring.remember(TOKEN, RECORD)
    assert ring.recall(TOKEN) == RECORD
    assert TOKEN.encode() not in ring.fingerprint(TOKEN)
    assert KeyRing(KeyFile()).fingerprint(TOKEN) != ring.fingerprint(TOKEN)
    again = RECORD.model_copy(update={"hashed": decoy()})  # the id now has another secret
    update_keys(kept, lambda _: KeyFile(keys=(again,)))
    ring.refresh()
    assert ring.recall(TOKEN) is None
    update_keys(kept, lambda _: KeyFile())
    ring.refresh()
    assert ring.recall(TOKEN) is None


def test_no_more_than_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_module, "MAX_REMEMBERED", 2)
    ring = KeyRing(KeyFile(keys=(RECORD,)))
    ring.remember("first", RECORD)
    ring.remember("second", RECORD)
    assert ring.recall("first") == RECORD
    ring.remember("third", RECORD)
    assert [ring.recall(name) for name in ("first", "second", "third")] == [RECORD, None, RECORD]


def test_the_file_is_followed_and_a_broken_one_closes(
    kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ring = KeyRing.from_settings(Settings(keys_file=kept))
    assert ring is not None
    update_keys(kept, lambda keys: KeyFile(keys=(*keys.keys, new_key("b", (Scope.ADMIN,))[0])))
    ring.refresh()
    assert len(ring) == 2
    breaks = (lambda: kept.chmod(0o644), lambda: kept.write_text(SECRET), kept.unlink)
    for break_it in breaks:
        break_it()
        for _ in range(3):
            with pytest.raises(KeysError):
                ring.refresh()
    assert caplog.text.count("every key is refused") == 3  # once for each change
    assert SECRET not in caplog.text
    update_keys(kept, lambda _: KeyFile(keys=(RECORD,)))
    ring.refresh()
    assert len(ring) == 1


def test_an_error_of_the_system_closes_no_longer_than_it_lasts(
    kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ring = KeyRing.from_settings(Settings(keys_file=kept))
    assert ring is not None
    update_keys(kept, lambda keys: KeyFile(keys=(*keys.keys, new_key("b", (Scope.ADMIN,))[0])))

    def no_descriptor(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as none_left:
        none_left.setattr("os.open", no_descriptor)
        for _ in range(3):
            with pytest.raises(KeysError, match="Too many open files"):
                ring.refresh()
    assert caplog.text.count("every key is refused") == 1
    ring.refresh()
    assert len(ring) == 2


def test_where_keys_come_from(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KeyRing.from_settings(Settings()) is None
    monkeypatch.setenv("CRITECH_KEYS", kept.read_text())
    settings = Settings()
    assert RECORD.hashed.digest not in repr(settings)
    ring = KeyRing.from_settings(settings)
    assert ring is not None
    ring.refresh()
    assert len(ring) == 1
    with pytest.raises(KeysError, match="CRITECH_KEYS: give this or CRITECH_KEYS_FILE, not both"):
        KeyRing.from_settings(Settings(keys_file=kept))
