"""``critech certify``: what recall the screening cut-offs of a bundle were shown to have."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import gzip
import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

from critech.bundle import Bundle, read_bundle, write_screening
from critech.bundle.checking import check_bundle
from critech.bundle.reading import locate
from critech.classifier import Classifier
from critech.commands.arguments import Parser, check_file, count_or_zero_argument, number_of
from critech.digest import digest
from critech.errors import InputError
from critech.screening.model import Certificate, ScreeningModel
from critech_training.certify import CONFIDENCE, Budget, budget, certify, fields_of, measure
from critech_training.evaluate import GoldText, read_gold, unlabelled_text


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, certify, print, and write when told to."""
    parser = Parser(
        prog="critech certify",
        description="Certify the recall of screening on labelled texts (JSON lines as for "
        "`critech evaluate`) that neither fit nor calibration has seen.",
    )
    parser.add_argument("--gold", type=Path, required=True, metavar="FILE")
    parser.add_argument("--bundle", type=Path, metavar="DIR")
    parser.add_argument(
        "--target-recall",
        type=_recall,
        metavar="R",
        help="choose cut-offs for this recall, for example 0.95 or 0.99; without it the bundle's "
        "own are certified, for 0.95",
    )
    parser.add_argument(
        "--budget",
        type=count_or_zero_argument,
        metavar="N",
        help="say which recall N reviews of the pool buy",
    )
    parser.add_argument(
        "--pool",
        type=Path,
        metavar="FILE",
        help="texts of the stream that reviews are taken from, JSON lines (id, title?, text), also "
        "gzipped; the gold file by default, which is richer than any stream",
    )
    parser.add_argument(
        "--population",
        metavar="WORDS",
        help="what texts these are and who labelled them; stands in the certificate",
    )
    parser.add_argument("--write", action="store_true", help="write the result into the bundle")
    parser.add_argument("--json", action="store_true", help="print the certificate as JSON")
    args = parser.parse_args(argv)
    check_file("--gold", args.gold)
    if args.write and not (args.population or "").strip():
        raise InputError("--population", "is needed with --write: say what texts these are")
    target = args.target_recall or 0.95
    folder = locate(args.bundle)
    with Classifier(_read_bundle(folder, args.write)) as classifier:
        model = classifier.bundle.screening
        if model is None:
            raise InputError("--bundle", "was trained without a screening model; train it again")
        gold_digest = digest(args.gold.read_bytes())
        if args.target_recall is None and gold_digest in model.cutoff_rule:
            raise InputError("--gold", "is the set that the cut-offs were chosen on; take another")
        texts = read_gold(args.gold, classifier.bundle.labels)
        data = measure(classifier, texts)
        taxonomy = fields_of(classifier)
        chosen_on = None if args.target_recall is None else gold_digest
        chosen, entries = certify(data, taxonomy, model, target, chosen_on)
        made = Certificate(
            model_digest=classifier.bundle.model_digest,
            calibration_digest=gold_digest,
            calibration_name=args.gold.name,
            population=(args.population or "not stated").strip(),
            n_texts=len(data.scores),
            n_out_of_distribution=data.n_out_of_distribution,
            date=dt.datetime.now(dt.UTC).date().isoformat(),
            target_recall=target,
            confidence=CONFIDENCE,
            entries=tuple(entries),
        )
        bought = None
        if args.budget is not None:
            pool = data if args.pool is None else measure(classifier, _read_pool(args.pool))
            bought = budget(data, pool, taxonomy, chosen, args.budget)
    final = dataclasses.replace(chosen, certificate=made)
    if args.json:
        found = {"certificate": dataclasses.asdict(made), "cutoffs": final.cutoffs}
        if bought is not None:
            found["budget"] = dataclasses.asdict(bought)
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _print_certificate(made, final, bought)
    if args.write:
        write_screening(folder, final)
        print("written into the bundle", file=sys.stderr)
    return 0


def _read_bundle(folder: Path, to_be_written: bool) -> Bundle:
    """Return the bundle in a folder. What could not be written is not measured."""
    if not to_be_written:
        return read_bundle(folder)
    report = check_bundle(folder)
    report.raise_first()
    assert report.bundle is not None
    return report.bundle


def _read_pool(path: Path) -> list[GoldText]:
    """Return the unlabelled texts of a file."""
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode().split("\n")
    except OSError as error:
        raise InputError("--pool", f"cannot be read: {error.strerror or 'not gzip'}") from None
    except (UnicodeDecodeError, EOFError, zlib.error):
        raise InputError("--pool", "is not JSON lines with id and text") from None
    texts = [
        unlabelled_text(line, f"--pool:{number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not texts:
        raise InputError("--pool", "holds no texts")
    return texts


def _recall(value: str) -> float:
    number = number_of(value)
    if number is None or not 0.5 <= number < 1.0:
        raise argparse.ArgumentTypeError("must be a number of at least 0.5 and below 1")
    return number


def _print_certificate(made: Certificate, model: ScreeningModel, bought: Budget | None) -> None:
    print(
        f"{made.n_texts} texts of {made.calibration_name} ({made.calibration_digest[:19]}), "
        f"target recall {made.target_recall}, confidence {made.confidence}, "
        f"{made.n_out_of_distribution} out of distribution"
    )
    print(f"cut-offs: {model.cutoff_rule}")
    print(f"{'label':<24}{'language':<10}{'cut-off':>9}{'positives':>11}{'misses':>8}{'bound':>8}")
    for entry in made.entries:
        cut = "" if entry.threshold is None else f"{entry.threshold:.4f}"
        status = (
            "certified"
            if entry.status == "certified"
            else (f"no certificate, {entry.needed} more positives needed")
        )
        print(
            f"{entry.label:<24}{entry.language:<10}{cut:>9}{entry.positives:>11}{entry.misses:>8}"
            f"{entry.lower_bound:>8.3f}  {status}"
        )
    if bought is not None:
        low, high = bought.interval
        recall = bought.found / bought.positives if bought.positives else float("nan")
        print(
            f"{bought.reviews} reviews of {bought.n_pool} texts reach {bought.found} of "
            f"{bought.positives} filings in a field: recall {recall:.3f} [{low:.3f}, {high:.3f}]"
        )
