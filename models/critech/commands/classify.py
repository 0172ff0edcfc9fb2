"""``critech classify``: one text from the arguments, a file or standard input."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from critech.classifier import Classifier, Options
from critech.commands.arguments import (
    Parser,
    count_or_zero_argument,
    date_argument,
    share_argument,
)
from critech.input_text import read_text
from critech.results import NOTICE, Classification, Document, LabelResult

STYLES = {"assigned": "bold green", "possible": "yellow", "not_assigned": "dim"}


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, classify one document and print the result."""
    parser = _parser()
    args = parser.parse_args(argv)
    if (args.text is None) == (args.file is None):
        parser.error("give exactly one of TEXT, - and --file")
    document = Document(
        text=_read_text(args),
        title=args.title,
        language=args.language,
        ipc=tuple(args.ipc or ()),
    )
    options = Options(
        taxonomies=tuple(args.taxonomy) if args.taxonomy else None,
        top_k=None if args.top_k == 0 else args.top_k,
        min_score=args.min_score,
        explain=args.explain,
        as_of=args.as_of,
    )
    with Classifier.load(args.bundle, threads=1) as classifier:
        found = classifier.classify([document], options)
    if args.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
    else:
        _print_table(found)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="critech classify", description="Classify one text, in English or Japanese."
    )
    parser.add_argument("text", nargs="?", help="the text, or - for standard input")
    parser.add_argument("--file", type=Path, metavar="F", help="read the text from a UTF-8 file")
    parser.add_argument("--title", help="title, read together with the text")
    parser.add_argument("--language", choices=("en", "ja"), help="skip language detection")
    parser.add_argument(
        "--ipc", action="append", metavar="SYMBOLS", help="IPC symbols to report on; repeatable"
    )
    parser.add_argument(
        "--taxonomy", action="append", metavar="ID", help="taxonomy to answer for; repeatable"
    )
    parser.add_argument(
        "--top-k",
        type=count_or_zero_argument,
        default=5,
        metavar="N",
        help="labels per taxonomy; 0 means all",
    )
    parser.add_argument(
        "--min-score",
        type=share_argument,
        default=0.0,
        metavar="P",
        help="leave out labels below P",
    )
    parser.add_argument("--explain", action="store_true", help="show the spans that carry a score")
    parser.add_argument(
        "--as-of", type=date_argument, metavar="YYYY-MM-DD", help="versions in force on a date"
    )
    parser.add_argument("--json", action="store_true", help="print what the HTTP API answers")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="bundle folder")
    return parser


def _read_text(args: argparse.Namespace) -> str:
    if args.file is not None:
        return read_text(args.file, "--file")
    return read_text(None, "standard input") if args.text == "-" else str(args.text)


def _print_table(found: Classification) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    result = found.results[0]
    for taxonomy in result.taxonomies:
        table = Table(title=f"{taxonomy.id} ({taxonomy.version})", title_justify="left")
        for name in ("code", "score", "decision"):
            table.add_column(name, no_wrap=True)
        table.add_column("title", overflow="fold")
        for label in taxonomy.labels:
            _add_rows(table, label, "")
        console.print(table)
    if result.ipc is not None:
        console.print("IPC:", json.dumps(result.ipc, ensure_ascii=False), markup=False)
    console.print(
        f"language {result.language}, {result.tokens_seen} of {result.tokens_total} tokens read, "
        f"bundle {found.model.bundle} {found.model.version} ({found.model.digest[:19]})",
        markup=False,
    )
    for warning in result.warnings:
        console.print(f"warning: {warning.message}", style="yellow", markup=False)
    console.print(NOTICE["ja" if result.language == "ja" else "en"], style="dim", markup=False)


def _add_rows(table: object, label: LabelResult, indent: str) -> None:
    from rich.table import Table
    from rich.text import Text

    assert isinstance(table, Table)
    table.add_row(
        Text(indent + label.code),
        Text(f"{label.score:.3f}"),
        Text(label.decision),
        Text(f"{label.title['en']}\n{label.title['ja']}"),
        style=STYLES[label.decision],
    )
    for evidence in label.evidence or ():
        quote = f"{evidence.contribution:+.3f} {evidence.quote}"
        table.add_row("", "", "", Text(quote), style="dim")
    for child in label.children:
        if child.decision != "not_assigned":
            _add_rows(table, child, indent + "  ")
