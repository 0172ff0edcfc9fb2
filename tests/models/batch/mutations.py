"""Damage as it happens to files, and as one would do it on purpose, from a seeded generator."""

from __future__ import annotations

from random import Random

TOKENS = (
    *(b"<", b">", b"&", b'"', b"'", b",", b"\t", b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf"),
    *(b"{", b"[", b"}", b"]", b":", b"\\", b"\\ud800", b"null", b"1e999", b"-1", b"9" * 400),
    *(b"<?xml ", b"]]>", b"<![CDATA[", b"<!--", b"<!ENTITY a 'b'>", b"&a;", b"</claims>", b"<p>"),
    *(b"PK\3\4", b"PK\5\6", b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\xff\xff\xff"),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Return the data with one to four changes, each of a few bytes or of a whole stretch."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        _change(changed, random)
    return bytes(changed)


def _change(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + int(random.paretovariate(0.5)))
    match random.randrange(7):
        case 0:
            del data[at:end]
        case 1:
            data[at:at] = data[at:end]
        case 2:
            data[at:at] = random.choice(TOKENS)
        case 3:
            data[at : at + 4] = random.choice(TOKENS)
        case 4 if at < len(data):
            data[at] ^= 1 << random.randrange(8)
        case 5 if at < len(data):
            data[at] = random.randrange(256)
        case _:
            other = random.randrange(len(data) + 1)
            piece = data[other : other + min(end - at, 500)]
            data[at : at + len(piece)] = piece
            if random.random() < 0.1:
                del data[at:]
