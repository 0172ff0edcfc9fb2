"""``critech distill``: a student for ``critech batch --fast``, certified on a sample of texts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from critech.batch.fast import certificate_lines
from critech.batch.reading import FieldMapping, read
from critech.bundle import read_bundle
from critech.cascade.certificate import positives_needed
from critech.cascade.folder import write_tiers
from critech.classifier import Classifier
from critech.commands.arguments import Parser, check_out_folder, count_argument
from critech.digest import digest
from critech.errors import InputError
from critech_labels.taxonomy import label_order
from critech_training.commands.arguments import corpus_records
from critech_training.corpus import default_corpus_dir, split
from critech_training.distill import DistillConfig, teach
from critech_training.distill_sample import certificate_of, documents_of, sampled, told
from critech_training.token_table import token_table

LIMIT = 20_000


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, sample, teach, certify, write and print."""
    args = _parser().parse_args(argv)
    if not args.population.strip():
        raise InputError("--population", "is empty: say what texts these are")
    check_out_folder("--out", args.out)
    torch.set_num_threads(1)  # the same bits, however many processors there are
    config = DistillConfig()
    mapping = FieldMapping.parse(args.field)
    sample = sampled(read(args.inputs, mapping), args.limit, config.seed)
    least = 2 * positives_needed()
    if len(sample) < least:
        raise InputError(
            "INPUT",
            f"gives a sample of {len(sample)} texts: half of it makes the certificate, which takes "
            f"at least {least // 2} with a label",
            least,
        )
    documents = documents_of(sample)
    bundle = read_bundle(args.bundle)
    with Classifier(bundle) as classifier:
        labels = label_order(classifier.bundle.taxonomies)
        fit_part, _ = split(corpus_records(args.corpus, labels))
        taught = [*documents_of(fit_part), *documents[::2]]
        teaching = told(classifier, taught, _progress("to teach with", len(taught)))
        public = [ids for ids in teaching.ids[: len(fit_part)] if ids is not None]
        held = documents[1::2]
        calibration = told(classifier, held, _progress("to certify on", len(held)))
        table = token_table(bundle.encoder_bytes)
        student = teach(table, *teaching.teaching(), public=public, config=config)
        data, words = student.to_bytes(), args.population.strip()
        found = certificate_of(classifier, student, digest(data), calibration, words)
    write_tiers(args.out, data, found)
    for line in certificate_lines(found, None):
        print(line)
    if not any(entry.cutoff is not None for entry in found.entries):
        raise InputError("INPUT", "has too few texts with a label for any certificate: take more")
    return 0


def _progress(what: str, n_texts: int) -> Callable[[int], None]:
    return lambda done: print(f"{done} of {n_texts} texts {what}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="critech distill",
        description="Teach a student of a bundle, on the corpus and on half of a sample of your "
        "own unlabelled texts, and certify on the other half what it may decide. The certificate "
        "holds for texts like the sample.",
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="as for critech batch")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--population", required=True, metavar="WORDS", help="what texts these are")
    parser.add_argument("--field", action="append", default=[], metavar="FIELD=COLUMN")
    parser.add_argument(
        "--limit", type=count_argument, default=LIMIT, metavar="N",
        help=f"texts in the sample; {LIMIT}",
    )  # fmt: skip
    parser.add_argument("--corpus", type=Path, default=default_corpus_dir(), metavar="DIR")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="bundle folder")
    return parser
