"""``critech batch --engine``: the same dumps on Ray or Spark, into a folder of Parquet parts."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
from pathlib import Path
from typing import Any

from critech.batch.engines.job import Summary
from critech.batch.engines.parts import REJECTED, Parts
from critech.batch.errors import GO_ON, EngineError
from critech.batch.progress import duration
from critech.batch.reading import plan
from critech.batch.rows import RowOptions
from critech.commands.batch_outputs import check_folder
from critech.errors import CritechError, InputError

ENGINES = {"ray": "Ray", "spark": "Spark"}
SPREAD = {"ray": "workers", "spark": "partitions"}
LOCAL_ONLY = {
    "processes": "processes of one machine",
    "memory": "blocks bound it",
    "max_errors": "rejected records are counted when all is done",
    "quarantine": f"rejected records are in {REJECTED}/ of the output folder",
    "report": "write it from the rows",
    "restart": "remove the output folder to begin anew",
    "format_in": "formats are told by name and content",
    "encoding": "encodings are guessed",
    "fast": "engines run the full model",
    "no_progress": "progress is shown by the engine",
}
EXIT_DONE, EXIT_REJECTED, EXIT_SIGNAL = 0, 4, 128


def check_engine(args: argparse.Namespace) -> None:
    """Raise InputError for an option that does not go with the engine."""
    for engine, name in SPREAD.items():
        if engine != args.engine and getattr(args, name) is not None:
            raise InputError(f"--{name}", f"goes with --engine {engine} only")
    if args.engine == "local":
        return
    for name, why in LOCAL_ONLY.items():
        value = getattr(args, name)
        if value is not None and value is not False:  # 0 is a limit, too
            raise _refused(args, f"--{name.replace('_', '-')}", why)
    if "-" in args.inputs:
        raise _refused(args, "standard input", "give files or addresses")
    if args.format not in (None, "parquet"):
        raise _refused(args, f"--format {args.format}", "the output is a folder of Parquet files")
    if args.format is None and Path(args.output).suffix.lower() in (".csv", ".jsonl"):
        raise _refused(
            args, f"--output *{Path(args.output).suffix}", "the output is a folder of Parquet files"
        )


def run_engine(args: argparse.Namespace, options: RowOptions) -> int:
    """Run, tell how it went, and return the exit code."""
    check_folder(args)
    if not args.quiet:
        print(plan(args.inputs, args.mapping), file=sys.stderr)
    started = time.monotonic()
    try:
        done = _run(args, options)
    except SystemExit as end:  # what Ray makes of SIGTERM
        if end.code != signal.SIGTERM:
            raise
        print(f"critech: stopped; {GO_ON}", file=sys.stderr)
        return EXIT_SIGNAL + signal.SIGTERM
    rejected = Parts(args.output).has_rejected()
    if not args.quiet:
        _tell(args, done, rejected, time.monotonic() - started)
    return EXIT_REJECTED if rejected else EXIT_DONE


def _run(args: argparse.Namespace, options: RowOptions) -> Summary:
    engine = importlib.import_module(f"critech.batch.engines.{args.engine}_engine")
    given: dict[str, Any] = {
        "layout": args.layout,
        "mapping": args.mapping if args.field else None,
        "bundle": None if args.bundle is None else _address(args.bundle),
        "threads": args.threads,
        "block_rows": args.shard_rows,
        SPREAD[args.engine]: getattr(args, SPREAD[args.engine]),
    }
    given = {name: value for name, value in given.items() if value is not None}
    try:
        done: Summary = engine.run(args.inputs, _address(args.output), options, **given)
    except CritechError:
        raise
    except Exception as error:  # of an engine or a storage, of any kind, maybe with text in it
        raise EngineError(ENGINES[args.engine], error) from error
    return done


def _address(name: str) -> str:
    """Return an address as it is, and a path so that workers elsewhere in the tree find it."""
    return name if "://" in name else str(Path(name).absolute())


def _refused(args: argparse.Namespace, option: str, why: str) -> InputError:
    return InputError(option, f"does not go with --engine {args.engine}: {why}")


def _tell(args: argparse.Namespace, done: Summary, rejected: bool, seconds: float) -> None:
    print(
        f"{done.rows + done.rejected} records in {duration(seconds)}: {done.rows} classified, "
        f"{done.rejected} rejected; {done.finished_before} finished before",
        file=sys.stderr,
    )
    print(f"written: {args.output}", file=sys.stderr)
    if rejected:
        print(f"rejected: {args.output.rstrip('/')}/{REJECTED}", file=sys.stderr)
