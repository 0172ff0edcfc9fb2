"""Milliseconds a text in the encoders and students of two bundles, side by side in one run.

    python benchmarks/bundles.py OTHER [--bundle DIR] [--texts FILE] [--documents N] [--rounds R]

Rounds alternate between the bundles, text by text the same token ids; the best of each counts, in
processor time of the one thread. Below stands the mean distance (one less the cosine) of the two
encoders' vectors. FILE as in ``throughput.py``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from critech.bundle import STUDENT, Bundle, default_path, read_bundle
from critech.cascade.student import Student
from critech.encoder import OnnxEncoder
from throughput import read_texts

Ids = Sequence[int]
Vector = Callable[[Ids], np.ndarray]


def networks(bundle: Bundle) -> tuple[OnnxEncoder, dict[str, Vector]]:
    """Return a bundle's encoder, and by name what gives the vector of token ids."""
    encoder = OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
    ways: dict[str, Vector] = {"encoder": lambda ids: encoder.run(encoder.framed(ids))}
    if STUDENT in bundle.manifest["files"]:
        ways["student"] = Student(bundle, encoder).vector
    return encoder, ways


def milliseconds(vector: Vector, rows: Sequence[Ids]) -> tuple[float, np.ndarray]:
    """Return the processor time a text, and the vectors [n_texts, dimension]."""
    begun = time.thread_time()
    found = [vector(ids) for ids in rows]
    return 1000 * (time.thread_time() - begun) / len(rows), np.stack(found)


def main() -> int:
    """Measure and print both, and their ratio."""
    parser = argparse.ArgumentParser(description="Milliseconds a text in two bundles' networks.")
    parser.add_argument("other", type=Path, metavar="OTHER", help="folder of the bundle before")
    parser.add_argument("--bundle", type=Path, default=default_path(), metavar="DIR")
    parser.add_argument("--texts", type=Path, metavar="FILE")
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    bundles = [read_bundle(path) for path in (args.other, args.bundle)]
    encoder, before = networks(bundles[0])
    _, after = networks(bundles[1])
    texts = read_texts(args.texts, args.documents)
    capacity = encoder.config.chunk_tokens - encoder.framed(()).shape[1]
    rows = [encoder.token_ids(text)[:capacity] for text in texts]
    print(f"{len(rows)} texts of {sum(map(len, rows)) / len(rows):.0f} tokens on average")
    for name in before.keys() & after.keys():
        best, vectors = [float("inf")] * 2, [np.empty(0)] * 2
        for _ in range(args.rounds):
            for at, ways in enumerate((before, after)):
                took, vectors[at] = milliseconds(ways[name], rows)
                best[at] = min(best[at], took)
        far = float((1.0 - (vectors[0] * vectors[1]).sum(1)).mean())
        for bundle, took in zip(bundles, best, strict=True):
            print(f"{name} of {bundle.version:8}{took:8.2f} ms a text{took / best[0]:8.2f}")
        print(f"{name}: distance {far:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
