"""Does the evidence carry the score? Leave the top span out, and, beside it, a random one.

For every clear positive of the development sets that the default bundle flags: the share of cases
in which the score falls when the top span is left out, the same for a span drawn at random, and the
mean loss of log-odds of both. The development sets are part of the repository and train nothing.

    python benchmarks/evidence.py [--taxonomy jp-secret-patent-25] [--limit 400]
"""

from __future__ import annotations

import argparse
import random

import numpy as np

from critech import Classifier
from critech.explain import Request
from critech.passages import Passage, Section
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.corpus import POSITIVE, default_dev_dir, load_corpus

SEED = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--taxonomy", default="jp-secret-patent-25")
    parser.add_argument("--limit", type=int, default=400, help="texts to look at, at most")
    args = parser.parse_args()
    rng = random.Random(SEED)
    records = [
        record
        for record in load_corpus(default_dev_dir(), label_order(load_taxonomies().values()))
        if any(
            strength == POSITIVE and label.startswith(f"{args.taxonomy}:")
            for label, strength in record.labels.items()
        )
    ]
    rng.shuffle(records)
    with Classifier.load() as classifier:
        labels = {label.id: label for label in classifier.taxonomies[args.taxonomy].labels}
        scorer = classifier.scorer
        fell, random_fell, drops, random_drops = [], [], [], []
        for record in records[: args.limit]:
            title = (Section("title", record.title),) if record.title else ()
            passage = Passage((*title, Section("text", record.text)))
            scored = scorer.score(passage.text(), record.language)
            flagged = tuple(
                labels[name]
                for name, strength in record.labels.items()
                if name in labels
                and strength == POSITIVE
                and scored.decisions[scorer.position[name]] != "not_assigned"
            )
            if not flagged or len(passage.spans()) < 2:
                continue
            (found,) = classifier.explain_all([Request(passage, scored, flagged)])
            chosen = rng.choice(passage.spans())
            rest = scorer.score(passage.without(chosen), record.language)
            for label in flagged:
                at = scorer.position[label.id]
                top = found[label.id][0].span if found[label.id] else None
                without = scorer.score(passage.without(top), record.language) if top else scored
                drops.append(float(scored.logits[at] - without.logits[at]))
                random_drops.append(float(scored.logits[at] - rest.logits[at]))
                fell.append(drops[-1] > 0)
                random_fell.append(random_drops[-1] > 0)
    print(f"{args.taxonomy}: {len(fell)} positives of {min(len(records), args.limit)} texts")
    print(f"score falls without the top span     {np.mean(fell):.3f}")
    print(f"score falls without a random span    {np.mean(random_fell):.3f}")
    print(f"mean loss of log-odds, top span      {np.mean(drops):.2f}")
    print(f"mean loss of log-odds, random span   {np.mean(random_drops):.2f}")
    print(f"ratio of the two                     {np.mean(drops) / np.mean(random_drops):.1f}")


if __name__ == "__main__":
    main()
