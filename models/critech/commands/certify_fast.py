"""``critech certify-fast``: what words and student may decide for ``critech batch --fast``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from critech.batch.certifying import certificate_of, sampled
from critech.batch.disk import Disk
from critech.batch.fast import certificate_lines
from critech.batch.reading import FieldMapping, Format, plan, read
from critech.cascade.certificate import MAX_TEXTS, positives_needed
from critech.classifier import Classifier
from critech.commands.arguments import Parser, count_argument
from critech.commands.batch_outputs import TO_NO_STREAM
from critech.errors import InputError, disk_errors

LIMIT = 20_000
SEED = 20260


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, sample, certify, print and write."""
    args = _parser().parse_args(argv)
    _check(args)
    mapping = FieldMapping.parse(args.field)
    source: dict[str, Any] = {
        "inputs": args.samples,
        "mapping": mapping,
        "stdin": sys.stdin.buffer,
        "format": args.format_in,
        "encoding": args.encoding,
    }
    plan(**source)  # for what is wrong with the inputs as a whole
    items = read(**source)
    with Classifier.load(args.bundle) as classifier:
        sample = sampled(items, args.limit, SEED)
        if len(sample) < (least := positives_needed()):
            raise InputError(
                "SAMPLE",
                f"has {len(sample)} texts; a certificate takes at least {least} with a label",
                least,
            )
        found = certificate_of(classifier, sample, args.population.strip(), _progress(len(sample)))
    for line in certificate_lines(found, None):
        print(line)
    if not any(entry.cutoff is not None for entry in found.entries):
        raise InputError("SAMPLE", "has too few texts with a label for any certificate: take more")
    with Disk().create(args.out) as file:
        file.write(found.to_bytes())
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raise InputError for what would fail only when the work is done."""
    if args.out == Path("-"):
        raise InputError("--out", TO_NO_STREAM)
    with disk_errors("--out", "cannot be written"):
        if args.out.exists():
            raise InputError("--out", "is there already; name another file")
        if not args.out.absolute().parent.is_dir():
            raise InputError("--out", "its folder does not exist")
    if not args.population.strip():
        raise InputError("--population", "is empty: say what texts these are")
    if not args.population.strip().isprintable():
        raise InputError("--population", "has a character that cannot be shown")
    if args.limit > MAX_TEXTS:
        raise InputError("--limit", f"must be {MAX_TEXTS} or less", MAX_TEXTS)


def _progress(n_texts: int) -> Callable[[int], None]:
    return lambda done: print(f"{done} of {n_texts} texts", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="critech certify-fast",
        description="Certify, on a sample of your own unlabelled texts, which texts "
        "`critech batch --fast` may decide without the full model. The certificate holds for texts "
        "like the sample.",
    )
    parser.add_argument("samples", nargs="+", metavar="SAMPLE", help="inputs as for critech batch")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the certificate to make"
    )
    parser.add_argument(
        "--population",
        default="texts not described",
        metavar="WORDS",
        help="what texts these are; stands in the certificate",
    )
    parser.add_argument(
        "--limit",
        type=count_argument,
        default=LIMIT,
        metavar="N",
        help=f"texts to take of SAMPLE, at random; {LIMIT}",
    )
    parser.add_argument("--field", action="append", default=[], metavar="FIELD=COLUMN")
    parser.add_argument("--format-in", choices=get_args(Format), help="format of all inputs")
    parser.add_argument("--encoding", metavar="NAME", help="encoding of all text inputs")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="bundle folder")
    return parser
