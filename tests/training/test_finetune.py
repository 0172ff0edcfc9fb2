import random

import numpy as np

from critech_training.finetune import batches_by_length

LENGTHS = [int(n) for n in np.random.default_rng(0).integers(10, 190, 1003)]
PAIRS = np.full(1003, -1, dtype=np.int64)
PAIRS[:300] = np.arange(300) + 300
PAIRS[300:600] = np.arange(300)


def test_an_epoch_holds_every_text_once_and_keeps_pairs_together() -> None:
    batches = batches_by_length(LENGTHS, PAIRS, 16, random.Random(1))
    assert sorted(i for batch in batches for i in batch) == list(range(1003))
    assert max(map(len, batches)) == 16
    together = sum(i in batch and i + 300 in batch for batch in batches for i in range(300))
    assert together >= 270  # only a cut between two batches parts a pair


def test_batches_are_of_like_length_and_in_random_order() -> None:
    alone = np.full(1003, -1, dtype=np.int64)
    batches = batches_by_length(LENGTHS, alone, 16, random.Random(1))
    padded = sum(len(b) * max(LENGTHS[i] for i in b) for b in batches)
    assert padded < 1.1 * sum(LENGTHS)
    longest = [max(LENGTHS[i] for i in b) for b in batches]
    assert longest != sorted(longest)
    assert batches == batches_by_length(LENGTHS, alone, 16, random.Random(1))
    assert batches != batches_by_length(LENGTHS, alone, 16, random.Random(2))
