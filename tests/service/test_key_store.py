"""The keys file: refused when open to others or malformed, replaced in one step."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from key_samples import RECORD

from critech_service.access import store
from critech_service.access.records import KeyFile
from critech_service.access.store import KeysError, parse_keys, read_keys, update_keys

SECRET = "canary-5f2c"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644])
def test_a_file_open_to_others_is_refused(kept: Path, mode: int) -> None:
    kept.chmod(mode)
    with pytest.raises(KeysError, match=r"is open to group or others .*chmod 600"):
        read_keys(kept)
    with pytest.raises(KeysError, match="is open to group or others"):
        update_keys(kept, lambda keys: keys)


def test_what_is_no_file_is_refused(path: Path) -> None:
    with pytest.raises(KeysError, match="cannot be read"):
        read_keys(path)
    os.mkfifo(path, 0o600)
    with pytest.raises(KeysError, match="is not a file"):  # and does not wait for a writer
        read_keys(path)
    with pytest.raises(KeysError, match="is not a file"):
        read_keys(path.parent)
    with pytest.raises(KeysError, match=r"cannot be written \(No such file"):
        update_keys(path.parent / "none" / "keys.json", lambda keys: keys)


def test_a_file_that_is_too_large(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_BYTES", 100)
    with pytest.raises(KeysError, match="is larger than 100 bytes"):
        read_keys(kept)


def changed(**fields: Any) -> str:
    record = {**RECORD.model_dump(mode="json"), **fields}
    return json.dumps({"format": 1, "keys": [record]})


HASHED = RECORD.hashed.model_dump()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        (f'{{"keys": [{SECRET}', "is not JSON"),
        ("[]", "top level: Input should be an object"),
        ('{"format": 2, "keys": []}', "format: Input should be 1"),
        ('{"keys": {}}', "keys: Input should be a valid array"),
        (f'{{"{SECRET}": 1}}', "top level: Extra inputs are not permitted"),
        (changed(id=SECRET), "keys.0.id: String should match"),
        (changed(scopes=[SECRET]), "keys.0.scopes.0: Input should be 'classify', 'screen',"),
        (changed(scopes=[]), "keys.0.scopes: Tuple should have at least 1 item"),
        (changed(expires=SECRET), "keys.0.expires: Input should be a valid date"),
        (changed(revoked=True), "keys.0.revoked: Input should be a valid datetime"),
        (changed(name=f"{SECRET}\n"), "keys.0.name: Value error, must be printable"),
        (changed(hashed={**HASHED, "scheme": SECRET}), "keys.0.hashed.scheme: Input should be"),
        (changed(hashed={**HASHED, "log2_n": 10}), "keys.0.hashed.log2_n: Input should be great"),
        (changed(hashed={**HASHED, "digest": SECRET}), "keys.0.hashed.digest: String should"),
        (
            KeyFile(keys=(RECORD,)).model_dump_json().replace("[{", "[{").replace("}]", "},null]"),
            "keys.1: Input should be an object",
        ),
    ],
)
def test_malformed_keys_name_the_place_and_not_the_value(text: str, problem: str) -> None:
    with pytest.raises(KeysError) as found:
        parse_keys(text, "CRITECH_KEYS")
    assert str(found.value).startswith(f"CRITECH_KEYS: {problem}")
    assert SECRET not in str(found.value)


def test_two_keys_of_one_id_are_refused() -> None:
    text = KeyFile.model_construct(keys=(RECORD, RECORD)).model_dump_json()
    with pytest.raises(KeysError, match="two keys have the same id"):
        parse_keys(text, "CRITECH_KEYS")


def test_a_failed_write_leaves_the_old_file(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(KeysError, match=r"cannot be written \(No space left"):
        update_keys(kept, lambda _: KeyFile())
    assert kept.read_bytes() == before
    assert [entry.name for entry in kept.parent.iterdir()] == ["keys.json"]


def test_two_commands_at_once_keep_both_keys(path: Path) -> None:
    records = [RECORD.model_copy(update={"id": f"{n:012x}"}) for n in range(8)]
    threads = [
        threading.Thread(
            target=update_keys, args=(path, lambda keys, r=r: KeyFile(keys=(*keys.keys, r)))
        )
        for r in records
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record.id for record in read_keys(path).keys} == {record.id for record in records}


def test_a_link_stays_and_root_leaves_the_owner(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[tuple[int, int]] = []
    monkeypatch.setattr(store.os, "geteuid", lambda: 0)
    monkeypatch.setattr(store.os, "fchown", lambda _, uid, gid: owners.append((uid, gid)))
    link = kept.parent / "link.json"
    link.symlink_to(kept)
    update_keys(link, lambda _: KeyFile())
    assert link.is_symlink()
    assert read_keys(kept).keys == ()
    assert owners == [(kept.stat().st_uid, kept.stat().st_gid)]
