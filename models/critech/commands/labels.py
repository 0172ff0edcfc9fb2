"""``critech labels``: list, show, check, export, ipc; diff and crosswalk have their own modules."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from critech.commands import labels_crosswalk, labels_diff
from critech.commands.arguments import Parser, date_argument
from critech.errors import CritechError, InputError
from critech_labels import (
    TAXONOMY_IDS,
    Label,
    Taxonomy,
    TaxonomyError,
    load_taxonomies,
    load_taxonomy,
    match_fields,
)
from critech_labels.export import snapshot, to_csv, to_skos


def run(argv: Sequence[str]) -> int:
    """Parse the arguments and run one subcommand."""
    args = _parser().parse_args(argv)
    try:
        return int(args.action(args))
    except TaxonomyError as error:
        raise InputError("labels", str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="critech labels", description="The labelled taxonomies.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="all labels, or those of one taxonomy")
    listing.add_argument("taxonomy", nargs="?", choices=TAXONOMY_IDS)
    listing.set_defaults(action=_list)
    show = commands.add_parser("show", help="a taxonomy or a label in full")
    show.add_argument("id", help="jp-secret-patent-25 or jp-secret-patent-25:10")
    show.set_defaults(action=_show)
    check = commands.add_parser("check", help="check counts, codes, languages, rules")
    check.set_defaults(action=_check)
    export = commands.add_parser("export", help="all taxonomies on standard output")
    export.add_argument("--format", choices=("json", "csv", "skos"), default="json")
    export.set_defaults(action=_export)
    ipc = commands.add_parser("ipc", help="which of the 25 fields IPC symbols meet")
    ipc.add_argument("symbols", nargs="+", metavar="SYMBOL", help="symbols, or lists of them")
    ipc.add_argument(
        "--date", type=date_argument, help="edition in force on this date (YYYY-MM-DD)"
    )
    ipc.add_argument("--json", action="store_true")
    ipc.set_defaults(action=_ipc)
    labels_diff.add_parser(commands)
    labels_crosswalk.add_parser(commands)
    return parser


def _list(args: argparse.Namespace) -> int:
    for taxonomy in load_taxonomies().values():
        if args.taxonomy in (None, taxonomy.id):
            print(f"{taxonomy.id} ({taxonomy.version}) {taxonomy.title.en} / {taxonomy.title.ja}")
            for label in taxonomy.labels:
                indent = "  " if label.parent is None else "      "
                print(f"{indent}{label.code:<7}{label.title.en} / {label.title.ja}")
    return 0


def _show(args: argparse.Namespace) -> int:
    taxonomy_id, _, code = args.id.partition(":")
    taxonomy = load_taxonomy(taxonomy_id)
    if code:
        _print_label(taxonomy.label(code))
        for child in taxonomy.children(code):
            print()
            _print_label(child)
        return 0
    print(f"{taxonomy.id}, version {taxonomy.version}\n{taxonomy.title.en}\n{taxonomy.title.ja}")
    print(f"instrument    {taxonomy.instrument.en}\n              {taxonomy.instrument.ja}")
    print(f"article       {taxonomy.article}")
    print(f"authority     {taxonomy.authority.en} / {taxonomy.authority.ja}")
    print(f"in force from {taxonomy.effective_from}, read as of {taxonomy.as_of}")
    print(f"verification  {taxonomy.verification}")
    for kind, lines in (("source", taxonomy.sources), ("note", taxonomy.notes)):
        for line in lines:
            print(f"{kind:<13} {line}")
    _print_coverage(taxonomy)
    return 0


def _print_coverage(taxonomy: Taxonomy) -> None:
    if taxonomy.coverage:
        text = taxonomy.coverage.text
        print(f"coverage      {taxonomy.coverage.status}. {text.en}\n              {text.ja}")
    for pointer in taxonomy.pointers:
        print(f"pointer       {pointer.date} {pointer.citation}: {pointer.what.en}")
        print(f"              {', '.join(pointer.eccns)}")
        print(f"              near {', '.join(pointer.labels) or 'no label'}")


def _print_label(label: Label) -> None:
    print(f"{label.id}\n{label.title.en} ({label.title_status['en']})")
    print(f"{label.title.ja} ({label.title_status['ja']})")
    print(f"\n{label.definition.en}\n\n{label.definition.ja}\n")
    print(f"aliases  {', '.join(label.aliases.en)}\n         {'、'.join(label.aliases.ja)}")
    print(f"terms    {', '.join(label.terms.en)}\n         {'、'.join(label.terms.ja)}")
    print(f"source   {label.source} (confidence of the title {label.title_confidence})")
    print(f"from     {label.effective_from}")
    if label.additional_condition is not None:
        print(f"additional condition required: {'yes' if label.additional_condition else 'no'}")
    for rule in label.ipc_rules:
        groups = " AND ".join("{" + ", ".join(group) + "}" for group in rule.all_of)
        limit = f", as far as about {rule.topic_limit.en}" if rule.topic_limit else ""
        print(f"order item {rule.order_item or '?'}: {groups}{limit}")
    if label.note:
        print(f"note     {label.note}")


def _check(_: argparse.Namespace) -> int:
    from critech_labels.check import check_all

    problems = check_all()
    for problem in problems:
        print(problem, file=sys.stderr)
    for taxonomy in load_taxonomies().values():
        top = len(taxonomy.top_level())
        print(f"{taxonomy.id} {taxonomy.version}: {top} + {len(taxonomy.labels) - top} sub-items")
    print("sound" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


def _export(args: argparse.Namespace) -> int:
    taxonomies = load_taxonomies().values()
    if args.format == "json":
        data = {"taxonomies": [snapshot(taxonomy) for taxonomy in taxonomies]}
        print(json.dumps(data, ensure_ascii=False, indent=2))
    elif args.format == "csv":
        print(to_csv(taxonomies), end="")
    else:
        try:
            print(to_skos(taxonomies), end="")
        except ModuleNotFoundError:
            raise CritechError("SKOS needs rdflib: pip install 'critech[skos]'") from None
    return 0


def _ipc(args: argparse.Namespace) -> int:
    found = match_fields(args.symbols, args.date)
    if args.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
        return 0
    taxonomy = load_taxonomy("jp-secret-patent-25", args.date)
    print(f"order as in force from {found.edition}")
    for field in found.fields:
        label = taxonomy.label(field.code)
        items = ", ".join(map(str, field.items)) or "?"
        print(f"{field.code} {label.title.en} / {label.title.ja}")
        print(f"   {field.match} match, item {items}: {', '.join(field.symbols)}")
        limits = {rule.topic_limit.en for rule in field.rules if rule.topic_limit}
        if limits:
            print(f"   only as far as about {', '.join(sorted(limits))}")
    if not found.fields:
        print("no field is met")
    for text in found.cpc_only:
        print(f"not in the IPC, not used: {text}")
    for text in found.malformed:
        print(f"malformed: {text}")
    return 0
