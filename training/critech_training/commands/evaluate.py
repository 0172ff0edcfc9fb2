"""``critech evaluate``: a bundle against a labelled file, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from critech.classifier import Classifier
from critech.errors import InputError
from critech_training.evaluate import evaluate, markdown_table, read_gold, table_rows


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, evaluate and print."""
    parser = argparse.ArgumentParser(
        prog="critech evaluate",
        description="Evaluate a bundle on a JSON-lines file of labelled texts "
        "(id, title?, text, language?, labels: label id to 2 or 1).",
    )
    parser.add_argument("--gold", type=Path, required=True, metavar="FILE")
    parser.add_argument("--bundle", type=Path, metavar="DIR")
    parser.add_argument("--min-positives", type=int, default=3, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    args = parser.parse_args(argv)
    if not args.gold.is_file():
        raise InputError("--gold", "is not a file")
    with Classifier.load(args.bundle) as classifier:
        texts = read_gold(args.gold, classifier.bundle.labels)
        report = {"data": args.gold.name, **evaluate(classifier, texts, args.min_positives)}
    if args.json:
        json.dump(report, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    elif args.markdown:
        sys.stdout.write(markdown_table(report) + "\n")
    else:
        print_report(report)
    return 0


def print_report(report: Mapping[str, Any]) -> None:
    """Print a report's table; every figure with its 95 % bootstrap interval."""
    from rich.console import Console
    from rich.table import Table

    header, rows = table_rows(report)
    table = Table(title=f"{report['data']}: {report['n_texts']} texts, 95 % intervals in brackets")
    for name in header:
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    Console(width=max(console.width, 190), highlight=False).print(table)
