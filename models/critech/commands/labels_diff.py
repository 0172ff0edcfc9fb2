"""``critech labels diff``: what changed between two versions of a taxonomy."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Any

from critech.dates import iso_date
from critech_labels import Taxonomy, TaxonomyError, load_taxonomy, versions
from critech_labels.diff import diff, to_text
from critech_labels.taxonomy import parse_taxonomy

REFERENCE = "TAXONOMY@DATE, FILE.json or FILE.json@TAXONOMY"


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of ``critech labels``."""
    parser = commands.add_parser(
        "diff",
        help="what changed between two versions",
        description=f"Each version is {REFERENCE}: the version in force on a date, or a snapshot "
        "such as `labels export` writes or a bundle's labels.json.",
    )
    parser.add_argument("old", metavar="OLD", help="jp-secret-patent-25@2024-05-01")
    parser.add_argument("new", metavar="NEW", help="jp-secret-patent-25@2025-01-01")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(action=_diff)


def _diff(args: argparse.Namespace) -> int:
    found = diff(resolve(args.old), resolve(args.new))
    if args.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
    else:
        print(to_text(found), end="")
    return 0


def resolve(reference: str) -> Taxonomy:
    """Return the version that a reference names. Raise TaxonomyError that says what is wrong."""
    if reference.endswith(".json"):
        return _from_file(reference, None)
    if ".json@" in reference:
        return _from_file(*reference.rsplit("@", 1))
    taxonomy_id, _, date = reference.partition("@")
    known = versions(taxonomy_id)
    if not date:
        raise TaxonomyError(f"{reference!r} names no version; there are {', '.join(known)}")
    try:
        on = iso_date(date)
    except ValueError:
        raise TaxonomyError(f"{reference!r}: expected a date as YYYY-MM-DD") from None
    if on < dt.date.fromisoformat(known[0]):
        raise TaxonomyError(f"{taxonomy_id} has no version of {on}; the first is {known[0]}")
    return load_taxonomy(taxonomy_id, on)


def _from_file(name: str, taxonomy_id: str | None) -> Taxonomy:
    try:
        raw = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise TaxonomyError(f"cannot read {name}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise TaxonomyError(f"{name} is not JSON") from None
    try:
        entries = {str(entry["id"]): entry for entry in raw.get("taxonomies", [raw])}
        if taxonomy_id is None and len(entries) == 1:
            (taxonomy_id,) = entries
        if taxonomy_id not in entries:
            raise TaxonomyError(f"{name} holds {', '.join(entries)}; name one as {name}@TAXONOMY")
        return parse_taxonomy(entries[taxonomy_id])
    except TaxonomyError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TaxonomyError(f"{name} is no snapshot of a taxonomy ({error!r})") from None
