"""``critech labels crosswalk``: which labels of the other taxonomies correspond to a label."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from critech_labels import Bilingual, Correspondence, correspondences
from critech_labels.crosswalk import Crosswalk, crosswalk_csv, read_crosswalk, title_of


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of ``critech labels``."""
    parser = commands.add_parser(
        "crosswalk",
        help="corresponding labels of the other taxonomies",
        description="The relation says what the second label is, seen from the first: exact, "
        "broad (broader), narrow (narrower) or related. Editorial; no authority has decided it.",
    )
    parser.add_argument(
        "label", nargs="?", metavar="LABEL_ID", help="us-ecra-14:12.ii; all if none"
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    parser.set_defaults(action=_crosswalk)


def _crosswalk(args: argparse.Namespace) -> int:
    crosswalk = read_crosswalk()
    entries, unmatched = crosswalk.entries, crosswalk.unmatched
    if args.label is not None:
        entries = correspondences(args.label)
        unmatched = {key: why for key, why in unmatched.items() if key == args.label}
    if args.format == "csv":
        print(crosswalk_csv(entries), end="")
    elif args.format == "json":
        data = _as_dict(crosswalk, entries, unmatched)
        print(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        _print_table(crosswalk, entries, unmatched)
    return 0


def _as_dict(
    crosswalk: Crosswalk,
    entries: tuple[Correspondence, ...],
    unmatched: Mapping[str, Bilingual],
) -> dict[str, Any]:
    return {
        "status": crosswalk.status,
        "as_of": crosswalk.as_of.isoformat(),
        "notice": crosswalk.notice.as_dict(),
        "versions": dict(crosswalk.versions),
        "correspondences": [entry.as_dict() for entry in entries],
        "unmatched": [{"label": key, "why": why.as_dict()} for key, why in unmatched.items()],
    }


def _print_table(
    crosswalk: Crosswalk,
    entries: tuple[Correspondence, ...],
    unmatched: Mapping[str, Bilingual],
) -> None:
    for source in dict.fromkeys(entry.source for entry in entries):
        title = title_of(source)
        print(f"{source} {title.en} / {title.ja}")
        for entry in entries:
            if entry.source == source:
                title = title_of(entry.target)
                head = f"  {entry.relation:<8}{entry.confidence:.2f}  {entry.target:<23}"
                print(f"{head} {title.en} / {title.ja}")
                print(f"          {entry.why.en}\n          {entry.why.ja}")
    for label_id, why in unmatched.items():
        title = title_of(label_id)
        print(f"{label_id} {title.en} / {title.ja}\n  no counterpart")
        print(f"          {why.en}\n          {why.ja}")
    if not entries and not unmatched:
        print("no correspondence is recorded; its category may have one")
    print(f"{crosswalk.status}, as of {crosswalk.as_of}: {crosswalk.notice.en}")
