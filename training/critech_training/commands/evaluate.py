"""``critech evaluate``: a bundle against a labelled file, as a table and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critech.classifier import Classifier
from critech.commands.arguments import (
    Parser,
    check_file,
    check_out_folder,
    count_or_zero_argument,
)
from critech.errors import InputError
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.corpus import default_corpus_dir, load_corpus, split
from critech_training.evaluate import (
    COLUMNS,
    GoldText,
    Scoring,
    compare_bundles,
    compared_rows,
    markdown_table,
    metric_cell,
    read_gold,
    report_of,
    score_texts,
    table_rows,
)

if TYPE_CHECKING:
    from rich.table import Table

    from critech_training.baselines import Method


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, evaluate and print."""
    parser = Parser(
        prog="critech evaluate",
        description="Evaluate a bundle on a JSON-lines file of labelled texts "
        "(id, title?, text, language?, labels: label id to 2 or 1).",
    )
    parser.add_argument("--gold", type=Path, required=True, metavar="FILE")
    parser.add_argument("--bundle", type=Path, metavar="DIR")
    parser.add_argument("--min-positives", type=count_or_zero_argument, default=3, metavar="N")
    parser.add_argument(
        "--against", type=Path, metavar="BUNDLE", help="compare with another bundle, in pairs"
    )
    parser.add_argument(
        "--baselines",
        nargs="?",
        const="",
        metavar="NAMES",
        help="measure plain methods too: by default keyword rules, TF-IDF with logistic regression "
        "and label similarity; others by name, separated by commas (docs/training.md)",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write report.html and report.json there"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    args = parser.parse_args(argv)
    check_file("--gold", args.gold)
    if args.min_positives < 1:
        raise InputError("--min-positives", "must be 1 or more")
    if args.report is not None:
        check_out_folder("--report", args.report)
    baselines = None if args.baselines is None else _chosen_baselines(args.baselines)
    with Classifier.load(args.bundle) as classifier:
        texts = read_gold(args.gold, classifier.bundle.labels)
        scoring = score_texts(classifier, texts)
        found = report_of(scoring, texts, classifier, args.min_positives)
        titles = _titles(classifier)
    report: dict[str, Any] = {"data": args.gold.name, **found}
    if args.against is not None:
        with Classifier.load(args.against) as other:
            report["against"] = {
                "bundle": other.model.as_dict(),
                "taxonomies": compare_bundles(
                    scoring, score_texts(other, texts), args.min_positives
                ),
            }
    if baselines is not None:
        report["baselines"] = _evaluated(baselines, texts, args.min_positives)
    if args.report is not None:
        _write_report(args.report, report, scoring, titles)
    if args.json:
        json.dump(report, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    elif args.markdown:
        sys.stdout.write(markdown_table(report) + "\n")
    else:
        print_report(report)
    return 0


def _titles(classifier: Classifier) -> dict[str, str]:
    return {
        label.id: f"{label.code} {label.title.en}"
        for taxonomy in classifier.bundle.taxonomies
        for label in taxonomy.labels
    }


def _chosen_baselines(names: str) -> dict[str, Method]:
    """Return the baselines of a list of names, the built-in ones for an empty list. They are
    imported on use, since scikit-learn takes its time."""
    from critech_training.baselines import BUILT_IN, METHODS

    chosen = names.split(",") if names else BUILT_IN
    for name in chosen:
        if name not in METHODS:
            raise InputError("--baselines", f"no {name!r}; expected some of {', '.join(METHODS)}")
    return {name: METHODS[name] for name in chosen}


def _evaluated(
    baselines: Mapping[str, Method], texts: Sequence[GoldText], min_positives: int
) -> dict[str, Any]:
    from critech_training.baselines import evaluate_baseline

    taxonomies = list(load_taxonomies().values())
    records = load_corpus(default_corpus_dir(), label_order(taxonomies))
    fit_part, held_out = split(records)
    return {
        name: evaluate_baseline(
            method, taxonomies, fit_part, held_out, texts, min_positives=min_positives
        )
        for name, method in baselines.items()
    }


def _write_report(
    folder: Path, report: Mapping[str, Any], scoring: Scoring, titles: Mapping[str, str]
) -> None:
    from critech_training.report import html_report

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(html_report(report, scoring, titles), encoding="utf-8")
    (folder / "report.json").write_text(
        json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )


def print_report(report: Mapping[str, Any]) -> None:
    """Print a report's tables; every figure with its 95 % bootstrap interval."""
    from rich.console import Console

    console = Console(highlight=False)
    wide = Console(width=max(console.width, 190), highlight=False)
    intervals = "95 % intervals in brackets"
    wide.print(
        _table(f"{report['data']}: {report['n_texts']} texts, {intervals}", report["taxonomies"])
    )
    for kind, parts in report.get("subsets", {}).items():
        for name, part in parts.items():
            n_texts = next(iter(part.values()))["n_texts"]
            wide.print(_table(f"{kind} {name}: {n_texts} texts, {intervals}", part))
    if report.get("baselines"):
        header, rows = compared_rows(report)
        title = f"beside plain methods: {report['n_texts']} texts, {intervals}"
        wide.print(_filled(title, header, rows))
    if "against" in report:
        bundle = report["against"]["bundle"]
        wide.print(
            _difference_table(
                f"difference to {bundle['bundle']} {bundle['version']}, {intervals}",
                report["against"]["taxonomies"],
            )
        )


def _table(title: str, taxonomies: Mapping[str, Any]) -> Table:
    header, rows = table_rows(taxonomies)
    return _filled(title, header, rows)


def _difference_table(title: str, taxonomies: Mapping[str, Any]) -> Table:
    header = ["taxonomy", *(name for name, _ in COLUMNS)]
    rows = [
        [taxonomy, *(metric_cell(part["metrics"][key]) for _, key in COLUMNS)]
        for taxonomy, part in taxonomies.items()
    ]
    return _filled(title, header, rows)


def _filled(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table(title=title)
    for name in header:
        table.add_column(name)
    for row in rows:
        table.add_row(*row)
    return table
