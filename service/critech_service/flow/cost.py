"""What a request costs, in tokens, estimated from its characters before any work is done.

Counting by the tokenizer takes a second or two for a body of 2 MB, this about a millisecond. For
nine in ten texts of the corpus it is within a fifth of the truth; only the most that is read of a
text is sure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from critech import Document
from critech.encoder import EncoderConfig
from critech.explain import CALLS_PER_PASSAGE, LEAST_SPANS, MAX_SPANS
from critech.screening.filing import SECTIONS, Filing

ASCII_PER_TOKEN = 4.0  # characters; 3.7 to 4.6 in English texts of the corpus
OTHER_PER_TOKEN = 1.4  # 1.3 to 1.7 in Japanese ones
LEAST_TOKENS = 8  # of a text: prefix and frame
SENTENCE_ENDS = ".;!?\n。；！？"
COMMAS = ",、，"


def documents_cost(documents: Iterable[Document], config: EncoderConfig, explain: bool) -> int:
    """Return the cost of classifying documents."""
    return sum(_cost((d.title or "", d.text), config, explain) for d in documents)


def filings_cost(filings: Iterable[Filing], config: EncoderConfig, explain: bool) -> int:
    """Return the cost of screening filings: each part is read together with the title."""
    return sum(
        _cost((filing.title, text), config, explain)
        for filing in filings
        for name in SECTIONS[1:]
        if (text := getattr(filing, name))
    )


def n_tokens(text: str) -> int:
    """Return about how many tokens a text has, at least 1 for one that is not empty."""
    n_other = 0 if text.isascii() else (len(text.encode("utf-8", "surrogatepass")) - len(text)) / 2
    n_other = min(n_other, len(text))
    return math.ceil((len(text) - n_other) / ASCII_PER_TOKEN + n_other / OTHER_PER_TOKEN)


def _cost(parts: tuple[str, str], config: EncoderConfig, explain: bool) -> int:
    total = LEAST_TOKENS + sum(map(n_tokens, parts))
    seen = min(total, config.chunk_tokens * config.max_chunks)
    return seen * (1 + _readings(parts, seen, config)) if explain else seen


def _readings(parts: tuple[str, str], seen: int, config: EncoderConfig) -> int:
    """Return how often evidence reads a text again, as though it had a label: without each of its
    spans, and once more for the spans shown and for the part of a text that was cut."""
    most = max(LEAST_SPANS, min(MAX_SPANS, CALLS_PER_PASSAGE // -(-seen // config.chunk_tokens)))
    n_spans = sum(part.count(mark) for part in parts for mark in SENTENCE_ENDS)
    if n_spans <= len(parts):
        n_spans += sum(part.count(mark) for part in parts for mark in COMMAS)
    return min(most, n_spans + 1) + 1
