"""The arguments of ``critech batch``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from critech.batch.budget import LEAST_MB
from critech.batch.formats import FORMATS, LAYOUTS
from critech.batch.reading import Format
from critech.commands.arguments import (
    Parser,
    count_argument,
    count_or_zero_argument,
    share_argument,
)

SHARD_ROWS = 1000
MEMORY_MB = 256
_EPILOG = """exit codes:
  0    done
  1    input or options cannot be used, or are not those of the run to go on with; or output or
       quarantine of a finished run are not what it has written, and are not made anew
  2    usage
  3    bundle broken
  4    done, and records were rejected: they are in the quarantine file
  5    more records rejected than --max-errors allows
  6    disk full or not writable, a worker process lost, or an engine gave the run up
  130, 143   stopped by SIGINT, SIGTERM
After 5, 6, 130, 143 and after a crash the same command goes on where it was."""


def batch_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = Parser(
        prog="critech batch",
        description="Classify document dumps. Work is saved as it goes: the same command, run "
        "again, goes on after a crash and gives the output of an undisturbed run.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="files, folders, globs, - for standard input"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="the file to make; with --engine a folder of Parquet files, or its address",
    )
    _add_reading(parser.add_argument_group("reading"))
    _add_result(parser.add_argument_group("result"))
    _add_work(parser.add_argument_group("work"))
    _add_engine(parser.add_argument_group("engine"))
    return parser


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="column of a field (id, title, text, claims, description, language, ipc, "
        "filing_date), otherwise guessed; FIELD= for none, but not text=; repeatable. Patent XML "
        "and plain text have no columns",
    )
    group.add_argument("--format-in", choices=get_args(Format), help="format of all inputs")
    group.add_argument("--encoding", metavar="NAME", help="encoding of all text inputs")
    group.add_argument(
        "--max-errors",
        type=count_or_zero_argument,
        metavar="N",
        help="stop when more than N records are rejected",
    )
    group.add_argument(
        "--quarantine",
        metavar="FILE",
        help="JSON lines of rejected records, without text; OUT.quarantine.jsonl",
    )


def _add_result(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--format", choices=FORMATS, help="format of OUT; by its suffix")
    group.add_argument(
        "--layout",
        choices=LAYOUTS,
        help="nested: a row for each record; flat: a row for each record and flagged label, and "
        "one for a record without; nested, for csv flat",
    )
    group.add_argument(
        "--taxonomy", action="append", metavar="ID", help="taxonomy to answer for; repeatable"
    )
    group.add_argument(
        "--top-k",
        type=count_or_zero_argument,
        metavar="N",
        help="labels per taxonomy, 0 for all; 5, in the flat layout all",
    )
    group.add_argument(
        "--min-score",
        type=share_argument,
        default=0.0,
        metavar="P",
        help="leave out labels below P",
    )
    group.add_argument("--screen", action="store_true", help="add verdicts of screening")
    group.add_argument(
        "--fast",
        type=Path,
        metavar="FILE",
        help="certificate of critech certify-fast: words and student tell the texts that "
        "surely have nothing, the full model looks at the rest",
    )
    group.add_argument(
        "--bundle", metavar="DIR", help="bundle folder; for --engine also its address"
    )
    group.add_argument("--report", metavar="FILE", help="HTML report, one file")


def _add_work(group: argparse._ArgumentGroup) -> None:
    lanes = group.add_mutually_exclusive_group()
    lanes.add_argument(
        "--threads",
        type=count_argument,
        metavar="N",
        help="threads; one for each processor. With --engine those of a worker; 1",
    )
    lanes.add_argument(
        "--processes", type=count_argument, metavar="N", help="processes in place of threads"
    )
    group.add_argument(
        "--memory",
        type=_megabytes,
        metavar="MB",
        help=f"what records and rows under way may take, beside the bundle; {MEMORY_MB}",
    )
    group.add_argument(
        "--shard-rows",
        type=count_argument,
        metavar="N",
        help=f"records that are saved together; {SHARD_ROWS}",
    )
    group.add_argument(
        "--restart", action="store_true", help="begin anew and replace an output that is there"
    )
    group.add_argument("--quiet", action="store_true", help="errors only")
    group.add_argument("--no-progress", action="store_true", help="plain lines in place of the bar")


def _add_engine(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--engine",
        choices=("local", "ray", "spark"),
        default="local",
        help="where to work: this machine, or a cluster, with the extra of that name; local. Ray "
        "and Spark fill a folder, OUT, with Parquet files (part-*.parquet, and _rejected/), and do "
        "not take --fast, --processes, --memory, --max-errors, --quarantine, --report, --restart, "
        "--format-in, --encoding, --no-progress and standard input",
    )
    group.add_argument(
        "--workers",
        type=count_argument,
        metavar="N",
        help="workers on Ray; as many as there is room for",
    )
    group.add_argument(
        "--partitions",
        type=count_argument,
        metavar="N",
        help="tasks on Spark that the work is spread over; 8 for each core",
    )


def _megabytes(value: str) -> int:
    number = count_or_zero_argument(value)
    if number < LEAST_MB:
        raise argparse.ArgumentTypeError(f"must be {LEAST_MB} or more")
    return number
