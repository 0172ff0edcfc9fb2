"""The texts of the benchmarks: the development set, cut to the lengths that abstracts have."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path

from critech.text import compose_document
from critech_training.corpus import default_dev_dir

# The development texts are all near 218 tokens; these shares of them are 90 to 280 long, 167 on
# average, the mean that the project's other speed figures rest on.
SHARES = (0.5, 0.64, 0.77, 0.92, 1.0)
SEED = 7


def abstracts(count: int, languages: Sequence[str] = ("en", "ja")) -> list[str]:
    """Return texts of about 167 tokens on average, languages in turn, the same on every call."""
    rows = [
        json.loads(line)
        for line in (default_dev_dir() / "patents.jsonl").read_text("utf-8").splitlines()
    ]
    random.Random(SEED).shuffle(rows)
    by_language = [[r for r in rows if r["language"] == language] for language in languages]
    mixed = [row for group in zip(*by_language, strict=False) for row in group]
    shares = itertools.cycle(SHARES)
    return [
        _cut(compose_document(row["title"], row["text"]), next(shares))
        for row in itertools.islice(itertools.cycle(mixed), count)
    ]


def snippets(count: int) -> list[str]:
    """Return texts of 5 to 25 tokens, with one whole abstract in fifty, for runs of very many
    requests: short ones for the number's sake, long ones so that every buffer is used at size."""
    texts = abstracts(count)
    return [
        text if i % 50 == 0 else _cut(text, 0.04 + 0.01 * (i % 5)) for i, text in enumerate(texts)
    ]


def _cut(text: str, share: float) -> str:
    """Return the first ``share`` of a text, to the end of the word where there are words."""
    end = max(12, round(len(text) * share))
    blank = text.find(" ", end, end + 20)
    return text[: blank if blank > 0 else end]


def write_lines(bodies: Sequence[str], path: Path) -> Path:
    """Write one request body a line; none may hold a line break."""
    path.write_text("".join(f"{body}\n" for body in bodies), encoding="utf-8")
    return path


def classify_bodies(texts: Sequence[str], documents: int = 1) -> list[str]:
    """Return bodies of ``POST /v1/classify`` with so many documents each."""
    groups = [texts[i : i + documents] for i in range(0, len(texts), documents)]
    return [json.dumps({"documents": [{"text": t} for t in group]}) for group in groups]
