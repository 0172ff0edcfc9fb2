"""Milliseconds a text for its token ids, segmented as a whole and cut at blanks first, in one run.

    python benchmarks/tokens.py [--texts FILE] [--documents N] [--rounds R]

Rounds alternate between the two; the best of each counts, in processor time of the one thread. A
half of the texts is read beforehand, and the other is measured, so that words are looked up as in
a long run, new ones among them. FILE as in ``throughput.py``. Ends with 1 when the ids differ.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tokenizers import Tokenizer

from critech.bundle import read_bundle
from critech.encoder import OnnxEncoder
from throughput import read_texts

Ids = list[int]


def segmented(tokenizer: Tokenizer, text: str) -> Ids:
    """Return the token ids of a text as the tokenizer's file says."""
    ids: Ids = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def seconds(token_ids: Callable[[str], Ids], texts: Sequence[str]) -> tuple[float, list[Ids]]:
    """Return the processor time in seconds for all texts, and their token ids."""
    begun = time.thread_time()
    found = [token_ids(text) for text in texts]
    return time.thread_time() - begun, found


def main() -> int:
    """Measure and print both, and their ratio."""
    parser = argparse.ArgumentParser(description="Milliseconds a text for its token ids.")
    parser.add_argument("--texts", type=Path, metavar="FILE")
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    texts = read_texts(args.texts, args.documents)
    known, measured = texts[::2], texts[1::2]
    bundle = read_bundle()
    best = {"whole": float("inf"), "cut at blanks": float("inf")}
    for _ in range(args.rounds):
        encoder = OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
        whole = Tokenizer.from_buffer(bundle.tokenizer_bytes)
        ways: dict[str, Callable[[str], Ids]] = {
            "whole": partial(segmented, whole),
            "cut at blanks": encoder.token_ids,
        }
        ids = []
        for name, way in ways.items():
            seconds(way, known)
            took, found = seconds(way, measured)
            best[name] = min(best[name], took)
            ids.append(found)
        if ids[0] != ids[1]:
            print("the token ids differ", file=sys.stderr)
            return 1
    n_tokens = sum(map(len, ids[0])) / len(measured)
    print(f"{len(measured)} texts of {n_tokens:.0f} tokens on average")
    for name, took in best.items():
        share = took / best["whole"]
        print(f"{name:14}{1000 * took / len(measured):8.3f} ms a text{share:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
