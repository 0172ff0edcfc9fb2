"""The search for canaries finds them: else every other test here would pass on anything."""

from __future__ import annotations

import base64
import json
import unicodedata
from urllib.parse import quote

import pytest
from canary import Canary, Search

CANARY = Canary("text")
LEAKS = {
    "as it is": CANARY.text.encode(),
    "escaped": json.dumps({"error": CANARY.text}).encode(),
    "escaped twice": json.dumps(json.dumps([CANARY.japanese])).encode(),
    "folded": unicodedata.normalize("NFKC", CANARY.wide).encode(),
    "shouted": CANARY.word.upper().encode(),
    "in a path": quote(CANARY.japanese).encode(),
    "as bytes": repr(CANARY.japanese.encode()).encode(),
    "in hexadecimal": b"0x" + CANARY.word.encode().hex().encode(),
    "read as latin-1": CANARY.japanese.encode().decode("latin-1").encode(),
    "in UTF-16": CANARY.wide.encode("utf-16"),
    "cut": CANARY.word[: len(CANARY.word) // 2].encode() + b"...",
    **{
        f"in base64 behind {n} bytes": base64.b64encode(b"x" * n + CANARY.text.encode())
        for n in range(3)
    },
    "in base64 for URLs": base64.urlsafe_b64encode(b"x" + CANARY.japanese.encode() * 2),
}


@pytest.mark.parametrize("how", LEAKS)
def test_a_leak_is_found(how: str) -> None:
    assert Search([CANARY]).found(b"INFO: request", LEAKS[how])


def test_another_canary_is_none_of_ours() -> None:
    other = Canary("other")
    assert Search([CANARY]).found(other.text.encode(), json.dumps(other.text).encode()) == []
