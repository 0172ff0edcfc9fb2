"""Keys as the command line makes, lists and revokes them, and their hashes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from pathlib import Path

import pytest
from key_samples import RECORD

from critech.cli import main
from critech_service.access.hashing import decoy, hash_secret
from critech_service.access.records import KeyFile, Scope, new_key, split_token
from critech_service.access.store import read_keys, update_keys


def create(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    arguments = ["keys", "create", "--name", "office", "--file", str(path), *more]
    assert main(arguments if "--scope" in more else [*arguments, "--scope", "screen"]) == 0
    return capsys.readouterr().out.strip()


def test_create_prints_the_key_once_and_keeps_a_hash(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = create(path, capsys, "--scope", "screen", "--scope", "classify")
    assert re.fullmatch(r"ck_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", token)
    key_id, secret = split_token(token) or ("", "")
    assert secret not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    (record,) = read_keys(path).keys
    assert (record.id, record.name) == (key_id, "office")
    assert record.scopes == (Scope.CLASSIFY, Scope.SCREEN)
    assert (record.expires, record.revoked) == (None, None)
    assert record.hashed.matches(secret)
    assert (record.hashed.log2_n, record.hashed.r, record.hashed.p) == (14, 8, 5)


def test_the_hash_is_salted_scrypt_compared_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("critech_service.access.hashing.hmac.compare_digest", compare)
    first, second = hash_secret("a"), hash_secret("a")
    assert first.salt != second.salt
    expected = hashlib.scrypt(
        b"a", salt=bytes.fromhex(first.salt), n=2**14, r=8, p=5, maxmem=2**26, dklen=32
    )
    assert first.digest == expected.hex()
    assert first.matches("a")
    assert not first.matches("b")
    assert not decoy().matches("a")
    assert [len(digest) for pair in compared for digest in pair] == [32] * 6


def test_list_shows_states_and_no_hash(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = new_key("old", (Scope.ADMIN,), dt.date(2020, 1, 1))[0]
    update_keys(path, lambda _: KeyFile(keys=(RECORD, old)))
    assert main(["keys", "list", "--file", str(path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == [RECORD.id, "active", "never", "classify", "office"]
    assert second.split() == [old.id, "expired", "2020-01-01", "admin", "old"]
    assert main(["keys", "list", "--file", str(path), "--json"]) == 0
    printed = capsys.readouterr().out
    assert [key["state"] for key in json.loads(printed)] == ["active", "expired"]
    assert RECORD.hashed.digest not in printed
    assert RECORD.hashed.salt not in printed


def test_revoke_keeps_the_record_and_the_first_time(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "revoke", RECORD.id, "--file", str(kept)]) == 0
    (record,) = read_keys(kept).keys
    assert record.state(dt.date(2020, 1, 1)) == "revoked"
    assert main(["keys", "revoke", RECORD.id, "--file", str(kept)]) == 0
    assert read_keys(kept).keys == (record,)
    assert main(["keys", "revoke", "0" * 12, "--file", str(kept)]) == 1
    assert "id: there is no such key in the file" in capsys.readouterr().err


def test_a_key_works_through_its_last_day() -> None:
    record = RECORD.model_copy(update={"expires": dt.date(2026, 3, 31)})
    assert record.state(dt.date(2026, 3, 31)) == "active"
    assert record.state(dt.date(2026, 4, 1)) == "expired"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--expires", "2020-01-01"], "--expires: is in the past"),
        (["--name", "a\x1b[2J"], "--name: Value error, must be printable"),
        (["--name", ""], "--name: String should have at least 1 character"),
        (["--name", "x" * 81], "--name: String should have at most 80 characters"),
    ],
)
def test_a_key_that_cannot_be_made(
    path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    arguments = ["keys", "create", "--name", "a", "--scope", "admin", "--file", str(path), *more]
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--name", "a"],
        ["create", "--scope", "admin"],
        ["create", "--name", "a", "--scope", "root"],
        ["create", "--name", "a", "--scope", "admin", "--expires", "soon"],
        [],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["keys", *arguments])
    assert ended.value.code == 2


def test_the_file_comes_from_the_environment(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "list"]) == 1
    assert "name it by --file or CRITECH_KEYS_FILE" in capsys.readouterr().err
    monkeypatch.setenv("CRITECH_KEYS_FILE", str(path))
    assert main(["keys", "list"]) == 1
    assert "cannot be read (No such file or directory)" in capsys.readouterr().err
    assert main(["keys", "revoke", RECORD.id]) == 1
    assert main(["keys", "create", "--name", "a", "--scope", "admin"]) == 0
    assert len(read_keys(path).keys) == 1
