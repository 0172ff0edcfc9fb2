"""``critech distil``: give a bundle a student, the second tier of ``critech batch --fast``."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from critech.bundle import default_path
from critech.commands.arguments import Parser, count_argument
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.base_weights import PACKED_BASE
from critech_training.commands.arguments import check_version, corpus_records
from critech_training.corpus import default_corpus_dir

THREADS = 2


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, teach a student, write it into the bundle and print how it does."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.student is not None and (args.epochs or args.cache):
        parser.error("--epochs and --cache do not go with --student: nothing is taught")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("critech_training").setLevel(logging.INFO)
    check_version(args.version)
    # torch takes its time to load, and a wrong argument needs none of it
    from critech_training.distil import Run, distil
    from critech_training.student import StudentConfig

    records = corpus_records(args.corpus, label_order(load_taxonomies().values()))
    config = StudentConfig()
    config = dataclasses.replace(config, epochs=args.epochs or config.epochs)
    how = Run(args.base, args.cache, args.threads, args.version, args.student)
    made = distil(args.bundle, records, config, how)
    print(f"{made['n_texts']} texts, {made['n_pieces']} pieces, {made['n_held_out']} held out")
    print(f"distance to the encoder's vectors, held out: {made['distance']:.4f}")
    for name, found in made["held_out"].items():
        print(
            f"  {name}: {found['with_a_label']} of {made['n_held_out']} held-out texts have a "
            f"label; excess correlates {_share(found['correlation'])} with the full model's "
            f"({_share(found['correlation_of_words'])} by words)"
        )
    return 0


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _parser() -> Parser:
    parser = Parser(
        prog="critech distil",
        description="Teach a small encoder what the bundle's own says of the corpus, and put it "
        "into the bundle: `critech batch --fast` then asks it about texts that words do not "
        "decide. Certificates of `critech certify-fast` have to be made again.",
    )
    parser.add_argument("--bundle", type=Path, default=default_path(), metavar="DIR")
    parser.add_argument("--corpus", type=Path, default=default_corpus_dir(), metavar="DIR")
    parser.add_argument(
        "--base", default=PACKED_BASE, help="what the bundle's encoder was made from"
    )
    parser.add_argument("--epochs", type=count_argument)
    parser.add_argument("--threads", type=count_argument, default=THREADS)
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep vectors of the corpus there, no text"
    )
    parser.add_argument("--version", help="version of the bundle with its student")
    parser.add_argument(
        "--student", type=Path, metavar="DIR", help="take the student of this bundle, teach none"
    )
    return parser
