"""Texts that share their words: the same text again, an amended one, one inside another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from critech.text import clean_text

SHINGLE = 8
SHARE = 0.6


def words_only(text: str) -> str:
    """Return the letters and digits of a text in lower case, which spacing, punctuation, width and
    case leave alone."""
    return "".join(char for char in clean_text(text).casefold() if char.isalnum())


def shingles(words: str) -> frozenset[str]:
    """Return all runs of ``SHINGLE`` characters; the whole when it is shorter."""
    return frozenset(words[i : i + SHINGLE] for i in range(max(1, len(words) - SHINGLE + 1)))


class ShingleIndex:
    """Texts by their shingles, to find those that another text shares much with."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._sizes: list[int] = []
        self._rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, text in enumerate(texts):
            found = shingles(words_only(text))
            self._sizes.append(len(found))
            for shingle in found:
                self._rows[shingle].append(row)

    def near(self, text: str) -> list[int]:
        """Return the rows, ascending, of the texts that are near duplicates of a text: of the
        shingles of the shorter of both, ``SHARE`` or more are in the other."""
        found = shingles(words_only(text))
        shared = Counter(row for shingle in found for row in self._rows.get(shingle, ()))
        return sorted(
            row
            for row, count in shared.items()
            if count >= SHARE * min(len(found), self._sizes[row])
        )
