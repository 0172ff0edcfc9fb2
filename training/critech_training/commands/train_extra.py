"""``critech train --extra``: from a bundle and corrections to another bundle, or a refusal."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from critech.audit_secret import read_secret
from critech.bundle import default_path, read_bundle, write_bundle
from critech.cli import EXIT_BUNDLE, EXIT_OK
from critech.corrections import read_corrections
from critech.errors import InputError
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.bundle_fit import FitConfig
from critech_training.commands.arguments import check_version, corpus_records
from critech_training.corpus import default_dev_dir
from critech_training.extra import ExtraTexts
from critech_training.gate import Row
from critech_training.refit import Given, Refitted, keyed_digest, refit

REASONS = {
    "no_text": "no text",
    "several_texts": "no text of its own, and several texts of that document",
    "no_words": "text without letters and digits",
    "unsupported_language": "neither English nor Japanese",
    "superseded": "judged again by the same reviewer",
    "disputed": "reviewers differ",
    "category_conflict": "sub-item right, its category wrong",
    "in_corpus": "near duplicate of a text of the corpus",
    "contradicts_corpus": "same words as a text of the corpus, other label",
    "like_measuring_text": "near duplicate of a text that measures",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that go with corrections."""
    group = parser.add_argument_group("with reviewers' corrections (docs/corrections.md)")
    group.add_argument(
        "--extra", type=Path, action="append", default=[], metavar="FILE", help="corrections"
    )
    group.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep vectors of the corpus there, no text"
    )
    group.add_argument("--version", metavar="V", help="by default BASE+local.NUMBER_OF_CORRECTIONS")
    group.add_argument(
        "--keep-rejected", type=Path, metavar="DIR", help="write a refused bundle there, marked"
    )
    group.add_argument(
        "--hmac-file", type=Path, metavar="F", help="secret for a digest of the files in the bundle"
    )
    group.add_argument("--json", action="store_true", help="print every row as JSON")


def run(args: argparse.Namespace) -> int:
    """Make the bundle, print what became of the corrections and how it compares; write it when it
    passes. Return 3 for a bundle that is refused."""
    base_path = Path(args.base) if args.base else default_path()
    _check(args, base_path)
    labels = label_order(load_taxonomies().values())
    given = Given(
        base=read_bundle(base_path),
        corpus=corpus_records(args.corpus, labels),
        measuring=corpus_records(default_dev_dir(), labels),
        corrections=[one for path in args.extra for one in read_corrections(path, labels)],
        digest=_digest(args),
        version=args.version,
        cache=args.cache,
        config=FitConfig(threads=args.threads),
    )
    found = refit(given)
    if args.json:
        json.dump(_as_dict(found), sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        print_extra(found.extra)
        _print_rows(found.rows)
    if found.passed:
        write_bundle(found.content, args.out)
        print(f"written: {found.content.version}", file=sys.stderr)
        return EXIT_OK
    if args.keep_rejected is not None:
        write_bundle(dataclasses.replace(found.content, rejected=True), args.keep_rejected)
    print("critech: refused: worse than the base in the rows marked so", file=sys.stderr)
    return EXIT_BUNDLE


def _check(args: argparse.Namespace, base: Path) -> None:
    """Raise InputError for options that would lose a bundle or cannot be written into one."""
    for name in ("out", "keep_rejected"):
        path = vars(args)[name]
        if path is not None and path.resolve() == base.resolve():
            raise InputError(f"--{name.replace('_', '-')}", "is the base; name another folder")
    if args.keep_rejected is not None and args.keep_rejected.resolve() == args.out.resolve():
        raise InputError("--keep-rejected", "is --out; name another folder")
    check_version(args.version)


def _digest(args: argparse.Namespace) -> str | None:
    if args.hmac_file is None:
        return None
    try:
        return keyed_digest(args.extra, read_secret(args.hmac_file).key)
    except InputError as error:
        raise InputError("--hmac-file", error.problem) from None
    except OSError as error:
        raise InputError("--extra", f"cannot be read: {error.strerror}") from None


def _as_dict(found: Refitted) -> dict[str, object]:
    return {
        "version": found.content.version,
        "passed": found.passed,
        "outcomes": dict(found.extra.outcomes),
        "texts": {"fit": len(found.extra.fit), "held_out": len(found.extra.held_out)},
        "refused_texts": [dataclasses.asdict(one) for one in found.extra.refused],
        "rows": [row.as_dict() for row in found.rows],
    }


def print_extra(extra: ExtraTexts) -> None:
    """Print what became of the corrections, and the documents refused, by the operator's names."""
    used = extra.outcomes.get("used", 0)
    print(
        f"{sum(extra.outcomes.values())} corrections, {used} used: {len(extra.fit)} texts to fit "
        f"on, {len(extra.held_out)} held out"
    )
    for outcome, count in extra.outcomes.items():
        if outcome != "used":
            print(f"{count:>6} not used: {REASONS[outcome]}")
    for one in extra.refused:
        names = ", ".join(_visible(name) for name in one.names)
        print(f"refused: {names}: {REASONS[one.reason]} ({one.like})")


def _visible(name: str) -> str:
    """Return a name without what would steer a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in name)


def _print_rows(rows: Sequence[Row]) -> None:
    """Print the rows over several labels, and those that failed."""
    print(f"{'':<9}{'':<13}{'':<54}{'at':<10}{'n':>6}{'old':>7}{'interval':>16}{'new':>7}")
    for row in rows:
        if (row.judged and not row.of_one_label) or not row.passed:
            interval = f"[{row.low:.3f}, {row.high:.3f}]"
            print(
                f"{row.measure:<9}{row.data:<13}{row.of:<54}{row.at:<10}{row.n:>6}"
                f"{row.old / row.n:>7.3f}{interval:>16}{row.new / row.n:>7.3f}"
                f"{'' if row.passed else '  REFUSED'}"
            )
    judged = [row for row in rows if row.judged and row.of_one_label]
    print(f"{len(judged)} rows of single labels judged, shown where refused")
