"""``critech screen``: one filing from the arguments, or a file of filings."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from critech.classifier import Classifier
from critech.commands.arguments import Parser, count_argument, date_argument
from critech.screening.filing import Conditions, Filing
from critech.screening.intake import ANSWERS, CONDITIONS, FACTS, read_filings
from critech.screening.results import FilingResult, Screening
from critech.screening.screen import Screener

OF_THE_FILING = ("title", "abstract", "claims", "description", "language", "ipc", "filing_date")
STYLES = {"refer": "bold red", "review": "bold yellow", "no_indication": "bold"}


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, screen, print verdicts."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.file is not None:
        _refuse_what_the_file_says(parser, args)
        filings = read_filings(args.file)
    elif args.title and args.abstract:
        filings = [_from_arguments(args)]
    else:
        parser.error("give --file, or --title and --abstract")
    with Classifier.load(args.bundle, args.threads) as classifier:
        found = Screener(classifier).screen(filings, not args.no_explain, args.as_of)
    if args.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
    else:
        _print_verdicts(found)
    return 0


def _refuse_what_the_file_says(parser: Parser, args: argparse.Namespace) -> None:
    """End with 2 when an option says what stands in the filings of ``--file``."""
    for name in (*OF_THE_FILING, *FACTS, *CONDITIONS):
        if getattr(args, name) not in (None, "unknown"):
            parser.error(f"--{name.replace('_', '-')} does not go with --file: say it there")


def _parser() -> Parser:
    parser = Parser(
        prog="critech screen",
        description="Screen patent filings against the 25 specified technical fields: rule, text, "
        "conditions, evidence and dates.",
    )
    parser.add_argument(
        "--file", type=Path, metavar="F", help="JSON or JSON lines of filings; - for standard input"
    )
    for name in ("title", "abstract", "claims", "description"):
        parser.add_argument(f"--{name}", metavar="TEXT")
    parser.add_argument("--language", choices=("en", "ja"), help="skip language detection")
    parser.add_argument("--ipc", action="append", metavar="SYMBOLS", help="IPC symbols; repeatable")
    parser.add_argument("--filing-date", type=date_argument, metavar="YYYY-MM-DD")
    for name in (*FACTS, *CONDITIONS):
        parser.add_argument(f"--{name.replace('_', '-')}", choices=ANSWERS, default="unknown")
    parser.add_argument(
        "--as-of", type=date_argument, metavar="YYYY-MM-DD", help="edition of the order"
    )
    parser.add_argument("--no-explain", action="store_true", help="leave the evidence out")
    parser.add_argument("--json", action="store_true", help="print what the HTTP API answers")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="bundle folder")
    parser.add_argument("--threads", type=count_argument, metavar="N", help="inference threads")
    return parser


def _from_arguments(args: argparse.Namespace) -> Filing:
    return Filing(
        title=args.title,
        abstract=args.abstract,
        claims=args.claims,
        description=args.description,
        language=args.language,
        ipc=tuple(args.ipc or ()),
        filing_date=args.filing_date,
        conditions=Conditions(**{name: getattr(args, name) for name in CONDITIONS}),
        **{name: getattr(args, name) for name in FACTS},
    )


def _print_verdicts(found: Screening) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for result in found.results:
        _print_one(console, result)
    certificate = found.certificate
    console.print(f"recall certificate: {certificate['status']}", style="dim", markup=False)
    language = "ja" if found.results[0].language == "ja" else "en"
    notice: Any = found.as_dict()["notice"]
    console.print(notice[language], style="dim", markup=False)


def _print_one(console: Any, result: FilingResult) -> None:
    language = "ja" if result.language == "ja" else "en"
    name = f"{result.id}: " if result.id else ""
    console.print(f"{name}{result.verdict}", style=STYLES[result.verdict], markup=False)
    for reason in result.reasons:
        place = f"field {reason['field']}: " if reason["field"] else ""
        message: Any = reason["message"]
        console.print(f"  {place}{message[language]}", markup=False)
    for field in result.fields:
        fused = "-" if field.fused is None else f"{field.fused:.3f}"
        console.print(
            f"  {field.label.code} {field.label.title.get(language)}: {field.standing.outcome}, "
            f"rule {field.rule.met} {' '.join(field.rule.symbols)}, text {field.text.score:.3f} "
            f"({field.text.decision}), fused {fused}, condition {field.standing.condition}",
            markup=False,
        )
        for evidence in field.evidence or ():
            span = evidence.span
            console.print(
                f"     {evidence.contribution:+.3f} {span.section}[{span.start}:{span.end}] "
                f"{evidence.quote!r}",
                style="dim",
                markup=False,
            )
    for deadline in result.deadlines or ():
        console.print(
            f"  {deadline.rule.id}: last day {deadline.last_day} "
            f"({', '.join(deadline.rule.articles)})",
            markup=False,
        )
