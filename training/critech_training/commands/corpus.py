"""``critech corpus``: counts of the training corpus."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from critech.commands.arguments import Parser
from critech_labels import Taxonomy, load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.commands.arguments import corpus_records
from critech_training.corpus import (
    CORPUS_DIGEST,
    CORPUS_VERSION,
    POSITIVE,
    Record,
    corpus_digest,
    default_corpus_dir,
)


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, check the corpus and print its counts."""
    parser = Parser(prog="critech corpus", description="Check and count a corpus.")
    parser.add_argument("--corpus", type=Path, default=default_corpus_dir(), metavar="DIR")
    args = parser.parse_args(argv)
    taxonomies = load_taxonomies()
    order = label_order(taxonomies.values())
    records = corpus_records(args.corpus, order)
    sys.stdout.write(
        "\n".join(_lines(records, order) + _subtopic_lines(records, taxonomies)) + "\n"
    )
    return 0


def _lines(records: Sequence[Record], order: Sequence[str]) -> list[str]:
    digest = corpus_digest(records)
    name = f"corpus version {CORPUS_VERSION}" if digest == CORPUS_DIGEST else "another corpus"
    lines = [
        f"{name}, {digest}",
        f"texts {len(records)}, pairs {sum(r.pair_of is not None for r in records)}",
    ]
    for name in ("language", "kind", "register"):
        counts = Counter(getattr(record, name) for record in records)
        lines.append(f"{name}: " + ", ".join(f"{key} {n}" for key, n in counts.most_common()))
    lines.append("clear positives per label, English + Japanese:")
    for label in order:
        found = Counter(r.language for r in records if r.labels.get(label) == POSITIVE)
        lines.append(f"  {label:<28}{found['en']:>4} +{found['ja']:>4}")
    return lines


def _subtopic_lines(records: Sequence[Record], taxonomies: Mapping[str, Taxonomy]) -> list[str]:
    lines = ["clear positives per editorial sub-topic, English + Japanese:"]
    for label in taxonomies["jp-critical-20"].labels:
        for number, title in enumerate(label.subtopics, 1):
            key = f"{label.code}.{number}"
            found = Counter(r.language for r in records if key in r.subtopics)
            lines.append(f"  {key:<6}{title:<62}{found['en']:>4} +{found['ja']:>4}")
    return lines
