"""Checks of what ``critech batch`` is to write, made before any work is done."""

from __future__ import annotations

import argparse
from fnmatch import fnmatch
from pathlib import Path

from critech.batch.reading import Plan
from critech.errors import InputError


def check_files(args: argparse.Namespace, planned: Plan) -> None:
    """Raise InputError for a file that cannot be written in the end."""
    inputs = {Path(source.name).resolve() for source in planned.sources}
    before: dict[Path, str] = {}
    for name, path in _written(args).items():
        if path.is_dir():
            raise InputError(f"--{name}", "is a folder; give the name of a file")
        if not path.absolute().parent.is_dir():
            raise InputError(f"--{name}", "its folder does not exist")
        if path.resolve() in inputs or any(_covers(each, path) for each in args.inputs):
            raise InputError(f"--{name}", "is one of the inputs, or would be in the next run")
        if (same := before.setdefault(path.resolve(), name)) != name:
            raise InputError(f"--{name}", f"is the file of --{same}, too; name another one")


def quarantine_of(args: argparse.Namespace) -> Path:
    """Return the file of rejected records, by default beside the output."""
    out: Path = args.output
    return args.quarantine or out.with_name(f"{out.name}.quarantine.jsonl")


def _written(args: argparse.Namespace) -> dict[str, Path]:
    """Return the files that the run writes by the names of their options."""
    found = {"output": args.output, "quarantine": quarantine_of(args), "report": args.report}
    return {name: path for name, path in found.items() if path is not None}


def check_folder(args: argparse.Namespace) -> None:
    """Raise InputError for an output that cannot be the folder which an engine fills."""
    if "://" in args.output:
        return
    path = Path(args.output)
    if path.exists() and not path.is_dir():
        raise InputError("--output", f"is a file; --engine {args.engine} fills a folder")
    given = [name for name in args.inputs if "://" not in name]
    if any(_covers(name, path) or Path(name).resolve() == path.resolve() for name in given):
        raise InputError("--output", "is one of the inputs, or would be in the next run")
    if any(Path(name).resolve().is_relative_to(path.resolve()) for name in given):
        raise InputError("--output", "holds one of the inputs")


def _covers(name: str, path: Path) -> bool:
    """Return whether a folder or a glob that is read takes a path in, too."""
    source, target = Path(name).absolute(), path.absolute()
    return target.is_relative_to(source) if source.is_dir() else fnmatch(str(target), str(source))
