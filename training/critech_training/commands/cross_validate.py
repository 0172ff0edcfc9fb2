"""``critech cross-validate``: how well heads do on parts of the corpus they were not fitted on."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from critech.bundle import read_bundle
from critech.commands.arguments import Parser, count_argument, count_or_zero_argument
from critech.encoder import OnnxEncoder
from critech.errors import InputError
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.commands.arguments import corpus_records
from critech_training.commands.evaluate import print_report
from critech_training.corpus import default_corpus_dir, is_held_out
from critech_training.crossval import cross_validate, suspects
from critech_training.evaluate import summaries
from critech_training.vector_cache import embed_cached, encoder_digest


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, cross-validate and print the table."""
    parser = Parser(
        prog="critech cross-validate",
        description="Grouped cross-validation of the heads inside the corpus, on the vectors of a "
        "bundle's encoder. The encoder was tuned on the corpus's fit part, so only the figures of "
        "the held-out part are free of that.",
    )
    parser.add_argument("--bundle", type=Path, metavar="DIR")
    parser.add_argument("--corpus", type=Path, default=default_corpus_dir(), metavar="DIR")
    parser.add_argument("--folds", type=count_or_zero_argument, default=5, metavar="N")
    parser.add_argument(
        "--by",
        choices=("source", "text"),
        default="source",
        help="what is never split: all of one writer's part, or a text and its translation",
    )
    parser.add_argument(
        "--suspects", type=Path, metavar="FILE", help="write suspected label errors (JSON lines)"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep vectors of the corpus there, no text"
    )
    parser.add_argument("--threads", type=count_argument, default=2)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    args = parser.parse_args(argv)
    if args.folds < 2:
        raise InputError("--folds", "must be 2 or more")
    taxonomies = list(load_taxonomies().values())
    order = label_order(taxonomies)
    records = corpus_records(args.corpus, order)
    bundle = read_bundle(args.bundle)
    encoder = OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
    key = encoder_digest(bundle)
    vectors, tokens = embed_cached(encoder, key, records, args.cache, args.threads)
    try:
        found = cross_validate(
            records,
            vectors,
            tokens,
            taxonomies,
            n_folds=args.folds,
            by=args.by,
            threads=args.threads,
        )
    except ValueError as error:
        raise InputError("--folds", str(error)) from None
    held_out = np.flatnonzero([is_held_out(record) for record in records])
    report = {
        "data": f"corpus, {args.folds} folds by {args.by}",
        "n_texts": len(records),
        "taxonomies": summaries(found.slices),
        "subsets": {
            "part": {
                "held out from the encoder": summaries(
                    {name: data.take(held_out) for name, data in found.slices.items()}
                )
            }
        },
    }
    if args.suspects is not None:
        rows = suspects(records, found.scores, order)
        args.suspects.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    if args.json:
        json.dump(report, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        print_report(report)
    return 0
