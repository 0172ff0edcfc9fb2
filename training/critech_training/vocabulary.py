"""Vocabulary reduction: keep the pieces that English and Japanese technical text can use.

The base model's 250,002 pieces cover a hundred languages. Pieces made only of ASCII, Greek
letters, symbols, kana, kanji and full-width forms stay (110,913); pieces holding any other
letter (accented Latin, Cyrillic, Hangul, Arabic, ...) go. A text in a kept script is segmented
exactly as before, since a unigram segmentation only ever uses pieces whose characters it contains.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from critech.encoder import METASPACE

SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
KEPT_RANGES = (
    (0x0000, 0x007F),  # ASCII
    (0x0370, 0x03FF),  # Greek: units, variables
    (0x3000, 0x30FF),  # Japanese punctuation, hiragana, katakana
    (0x31F0, 0x31FF),  # katakana extensions
    (0x3400, 0x4DBF),  # kanji, extension A
    (0x4E00, 0x9FFF),  # kanji
    (0xF900, 0xFAFF),  # compatibility kanji
    (0xFF00, 0xFFEF),  # full-width and half-width forms
)
KEPT_CATEGORIES = ("S", "P", "N", "Z")
UNREACHABLE_SCORE = -1e6


def keeps(piece: str) -> bool:
    """Return True when every character of the piece belongs to English or Japanese text."""
    return all(
        any(low <= ord(char) <= high for low, high in KEPT_RANGES)
        or unicodedata.category(char)[0] in KEPT_CATEGORIES
        for char in piece
    )


def kept_ids(pieces: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the ids of the pieces to keep, ascending, the special pieces among them."""
    return np.array(
        [i for i, piece in enumerate(pieces) if piece in SPECIAL_PIECES or keeps(piece)],
        dtype=np.int64,
    )


def build_tokenizer(pieces: Sequence[str], scores: Sequence[float]) -> Tokenizer:
    """Return a unigram tokenizer over ``pieces`` (in id order, special pieces first).

    The special pieces get a score that no segmentation can afford, so a text that spells out
    ``</s>`` is ordinary text.
    """
    vocabulary = [
        (piece, UNREACHABLE_SCORE if piece in SPECIAL_PIECES else float(score))
        for piece, score in zip(pieces, scores, strict=True)
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=pieces.index("<unk>")))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        replacement=METASPACE, prepend_scheme="always", split=False
    )
    return tokenizer


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Return the ids that frame a chunk: ``bos``, ``eos`` and ``pad``."""
    model = json.loads(tokenizer.to_str())["model"]
    names = {"bos": ("<s>", "[CLS]"), "eos": ("</s>", "[SEP]"), "pad": ("<pad>", "[PAD]")}
    if model["type"] == "Unigram":
        index = {piece: i for i, (piece, _) in enumerate(model["vocab"][:300])}
    else:
        index = model["vocab"]
    found: dict[str, int] = {}
    for role, candidates in names.items():
        hits = [index[name] for name in candidates if name in index]
        if not hits:
            raise ValueError(f"the tokenizer has none of {candidates} for {role}")
        found[role] = hits[0]
    return found
