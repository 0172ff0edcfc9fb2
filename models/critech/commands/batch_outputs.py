"""Checks of what ``critech batch`` is to write, made before any work is done."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from critech.batch.disk import Disk
from critech.batch.engines.parts import paths_in
from critech.batch.reading import Plan
from critech.batch.work import WorkFolder
from critech.errors import InputError, disk_errors

WRITTEN = ("output", "quarantine", "report")
ELSEWHERE = ("output", "bundle")  # what an engine takes by address, too
TO_NO_STREAM = "is -, but standard output is not written to; name a file"
AMONG = "is one of the inputs, or would be in the next run"


def check_names(args: argparse.Namespace) -> None:
    """Raise InputError for a name that no output can have: ``-``, since none goes to a stream, and,
    without an engine, an address, which no bundle can have then either."""
    for name in WRITTEN:
        if getattr(args, name) == "-":
            raise InputError(f"--{name}", TO_NO_STREAM)
    if args.engine != "local":
        return
    for name in (*WRITTEN, "bundle"):
        if "://" in (getattr(args, name) or ""):
            when = ", which goes with --engine ray or spark only" if name in ELSEWHERE else ""
            raise InputError(f"--{name}", f"is an address{when}; give a path of this machine")


def check_files(args: argparse.Namespace, planned: Plan) -> None:
    """Raise InputError for a file that cannot be written in the end."""
    inputs = {Path(source.name).resolve() for source in planned.sources}
    before: dict[Path, str] = {}
    for name, path in _written(args).items():
        with disk_errors(f"--{name}", "cannot be written"):
            if path.is_dir():
                raise InputError(f"--{name}", "is a folder; give the name of a file")
            if not path.absolute().parent.is_dir():
                raise InputError(f"--{name}", "its folder does not exist")
        if path.resolve() in inputs or _any_covers(args.inputs, [path]):
            default = "" if getattr(args, name) else f"its default, {path.name}, "
            raise InputError(f"--{name}", f"{default}{AMONG}")
        if (same := before.setdefault(path.resolve(), name)) != name:
            raise InputError(f"--{name}", f"is the file of --{same}, too; name another one")
    work = WorkFolder(args.output, f".{args.format}", Disk())
    if _any_covers(args.inputs, work.kinds()):
        raise InputError("--output", f"its work folder, {work.folder.name}, {AMONG}")


def quarantine_of(args: argparse.Namespace) -> Path:
    """Return the file of rejected records, by default beside the output."""
    out: Path = args.output
    return args.quarantine or out.with_name(f"{out.name}.quarantine.jsonl")


def quarantine_setting(args: argparse.Namespace) -> str | None:
    """Return the quarantine given, seen from the output's folder; None for the default."""
    given: Path | None = args.quarantine
    out: Path = args.output
    return None if given is None else os.path.relpath(given.resolve(), out.resolve().parent)


def _written(args: argparse.Namespace) -> dict[str, Path]:
    """Return the files that the run writes by the names of their options."""
    found = {"output": args.output, "quarantine": quarantine_of(args), "report": args.report}
    return {name: path for name, path in found.items() if path is not None}


def check_folder(args: argparse.Namespace) -> None:
    """Raise InputError for an output that cannot be the folder which an engine fills."""
    if "://" in args.output:
        return
    path = Path(args.output)
    with disk_errors("--output", "cannot be written"):
        if path.exists() and not path.is_dir():
            raise InputError("--output", f"is a file; --engine {args.engine} fills a folder")
    given = [name for name in args.inputs if "://" not in name]
    filled = [path, *(Path(each) for each in paths_in(str(path)))]
    if _any_covers(given, filled) or path.resolve() in [Path(name).resolve() for name in given]:
        raise InputError("--output", AMONG)
    if any(Path(name).resolve().is_relative_to(path.resolve()) for name in given):
        raise InputError("--output", "holds one of the inputs")


def _any_covers(names: Sequence[str], paths: Sequence[Path]) -> bool:
    """Return whether a folder or a glob that is read takes one of the paths in, too."""
    return any(_covers(Path(name).resolve(), path) for name in names for path in paths)


def _covers(source: Path, path: Path) -> bool:
    target = path.parent.resolve() / path.name
    if source.is_dir():
        return target.is_relative_to(source)
    return _matches(source.parts, target.parts)


def _matches(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Return whether a glob stands for a path, both in parts; ``**`` is any number of folders."""
    if not pattern:
        return not parts
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return any(_matches(rest, parts[i:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], first) and _matches(rest, parts[1:])
