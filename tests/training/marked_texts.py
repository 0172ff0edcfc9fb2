"""Texts in which made-up words tell a label, and corrections about them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random

from critech.corrections import Correction

ROCKET, LASER, ROBOT = "jp-secret-patent-25:10", "jp-kprogram-50:K01", "jp-critical-20:15"
WORDS = {ROCKET: "zqxj vkwq", LASER: "gghh jjyy", ROBOT: "wwvv xqqk", None: "aeio uuoi"}
NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def filler(rng: random.Random, n_words: int = 14) -> str:
    """Words of random letters, none of them telling."""
    return " ".join(
        "".join(rng.choices("bcdfglmnprst", k=rng.randint(4, 8))) for _ in range(n_words)
    )


def marked_text(label: str | None, rng: random.Random) -> str:
    """A text with the words that tell a label, strewn into filler."""
    return " ".join(f"{WORDS[label]} {filler(rng, 5)}" for _ in range(3))


def correction(**given: object) -> Correction:
    """A correction, completed where nothing is given."""
    base = Correction(label=ROCKET, judgement="right", reviewer="e.1", time=NOON, id="A-1")
    if "hmac" in given:
        given = {"id": None, **given}
    return dataclasses.replace(base, **given)
