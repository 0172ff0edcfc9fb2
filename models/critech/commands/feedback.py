"""``critech feedback``: collect reviewers' corrections into a file of the operator's."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from critech.commands.arguments import Parser
from critech.corrections import Correction, add_correction, read_corrections
from critech.errors import InputError
from critech.input_text import read_text
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order

MAX_INPUT_BYTES = 2_000_000


def run(argv: Sequence[str]) -> int:
    """Parse the arguments and run one subcommand."""
    args = _parser().parse_args(argv)
    return int(args.action(args))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="critech feedback", description="Corrections.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="add a correction to a file")
    add.add_argument("file", type=Path, metavar="FILE", help="JSON lines; made when not there")
    document = add.add_mutually_exclusive_group(required=True)
    document.add_argument("--id", metavar="ID", help="id of the document")
    document.add_argument("--hmac", metavar="HMAC", help="its digest in the audit log")
    add.add_argument("--label", required=True, metavar="ID", help="jp-secret-patent-25:10")
    judgement = add.add_mutually_exclusive_group(required=True)
    for word, meaning in (("right", "the label applies"), ("wrong", "it does not")):
        judgement.add_argument(
            f"--{word}", dest="judgement", action="store_const", const=word, help=meaning
        )
    add.add_argument("--reviewer", required=True, metavar="ID")
    add.add_argument(
        "--with-text", type=Path, metavar="F", help="keep the text, too: a file, - for stdin"
    )
    add.add_argument("--title", help="title, kept with the text")
    add.add_argument("--language", choices=("en", "ja"), help="of the text")
    add.set_defaults(action=_add)
    check = commands.add_parser("check", help="check a file and count its corrections")
    check.add_argument("file", type=Path, metavar="FILE")
    check.set_defaults(action=_check)
    return parser


def _add(args: argparse.Namespace) -> int:
    correction = Correction(
        label=args.label,
        judgement=args.judgement,
        reviewer=args.reviewer,
        time=dt.datetime.now(dt.UTC),
        id=args.id,
        hmac=args.hmac,
        text=None if args.with_text is None else _read_text(args.with_text),
        title=args.title,
        language=args.language,
    )
    if correction.label not in _known_labels():
        raise InputError("label", "is not a known label")
    add_correction(args.file, correction)
    return 0


def _check(args: argparse.Namespace) -> int:
    found = read_corrections(args.file, _known_labels())
    n_texts = sum(correction.text is not None for correction in found)
    print(f"{len(found)} corrections, {n_texts} with text")
    return 0


def _known_labels() -> frozenset[str]:
    return frozenset(label_order(list(load_taxonomies().values())))


def _read_text(path: Path) -> str:
    source = None if str(path) == "-" else path
    return read_text(source, "--with-text", MAX_INPUT_BYTES, "--with-text")
