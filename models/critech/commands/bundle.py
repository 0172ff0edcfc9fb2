"""``critech bundle``: verify, show, install, roll back and sign bundles."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from critech.commands import bundle_signing
from critech.commands.arguments import Parser, folder_argument

if TYPE_CHECKING:
    from critech.bundle.signature import TrustedKey
    from critech.installing.directory import Switched

SHOWN = {
    "mean_average_precision": "mean avg. precision",
    "top_1_hit": "best label is right",
    "recall_possible": "recall at possible",
}


def run(argv: Sequence[str]) -> int:
    """Parse the arguments and run one subcommand."""
    args = _parser().parse_args(argv)
    return int(args.action(args))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="critech bundle", description="Bundles of a model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="find all that is wrong with a bundle")
    verify.set_defaults(action=_verify)
    show = commands.add_parser("show", help="what a bundle is, how it was made, how good it is")
    show.set_defaults(action=_show)
    for command in (verify, show):
        command.add_argument(
            "folder",
            nargs="?",
            type=Path,
            metavar="FOLDER",
            help="a bundle, or a bundles directory; the shipped bundle by default",
        )
        command.add_argument("--json", action="store_true")
    install = commands.add_parser("install", help="make a folder, .tar.gz or .zip the current one")
    install.add_argument("source", type=Path, metavar="SOURCE")
    install.set_defaults(action=_install)
    rollback = commands.add_parser("rollback", help="make the bundle before it the current one")
    rollback.set_defaults(action=_rollback)
    for command in (install, rollback):
        command.add_argument(
            "--dir",
            type=folder_argument,
            metavar="DIR",
            default=_from_environment("CRITECH_BUNDLES_DIR"),
            required=not os.environ.get("CRITECH_BUNDLES_DIR"),
            help="the bundles directory (CRITECH_BUNDLES_DIR)",
        )
    for command in (verify, show, install, rollback):
        command.add_argument(
            "--key",
            type=Path,
            metavar="PUBLIC",
            default=_from_environment("CRITECH_BUNDLE_KEY"),
            help="public key that the bundle must be signed by (CRITECH_BUNDLE_KEY)",
        )
    bundle_signing.add_parsers(commands)
    return parser


def _from_environment(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None


def _key(args: argparse.Namespace) -> TrustedKey | None:
    if args.key is None:
        return None
    from critech.bundle.signature import read_public_key

    return read_public_key(args.key)


def _verify(args: argparse.Namespace) -> int:
    from critech.bundle.checking import check_bundle
    from critech.cli import EXIT_BUNDLE, EXIT_OK

    report = check_bundle(args.folder, _key(args))
    if args.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        for finding in report.findings:
            _say(str(finding))
        if report.bundle is not None and not report.findings:
            bundle, signed = report.bundle, report.signed
            by = "signature not checked" if signed is None else f"signed by {signed.key_id}"
            _say(f"{bundle.name} {bundle.version}, {bundle.digest}, {by}")
        _say("broken" if report.findings else "sound")
    return EXIT_BUNDLE if report.findings else EXIT_OK


def _show(args: argparse.Namespace) -> int:
    from critech.bundle.reading import locate, read_bundle
    from critech.bundle.signature import read_signed
    from critech.bundle.summary import summary

    key = _key(args)
    folder = locate(args.folder)
    found = summary(read_bundle(folder, key), read_signed(folder), key is not None)
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _print_summary(found)
    return 0


def _install(args: argparse.Namespace) -> int:
    from critech.installing.directory import BundlesDirectory
    from critech.installing.trial import load_tried

    def trial(folder: Path) -> None:
        load_tried(folder, threads=1).close()

    switched = BundlesDirectory(args.dir).install(args.source, trial, _key(args))
    return _tell(switched)


def _rollback(args: argparse.Namespace) -> int:
    from critech.installing.directory import BundlesDirectory

    return _tell(BundlesDirectory(args.dir).rollback(_key(args)))


def _say(line: str) -> None:
    """Print a line that may hold what strangers wrote into a bundle."""
    print("".join(char if char.isprintable() else "?" for char in line))


def _tell(switched: Switched) -> int:
    bundle = switched.bundle
    _say(f"current: {bundle.name} {bundle.version}, {bundle.digest}, in {switched.folder}")
    _say(f"before: {switched.before or 'none'}")
    return 0


def _print_summary(found: dict[str, Any]) -> None:
    made, certificate, signature = found["made"], found["certificate"], found["signature"]
    _say(f"{found['name']} {found['version']}, format {found['format']}")
    _say(f"digest        {found['digest']}")
    _say(f"model digest  {found['model_digest']}")
    versions = ", ".join(f"{one['id']} ({one['version']})" for one in found["taxonomies"])
    _say(f"labels        {found['n_labels']}: {versions}")
    digest = made.get("corpus_digest", "no digest")
    _say(f"corpus        {made.get('corpus_version') or 'not recorded'}, {digest}")
    _say(f"made          from {made.get('base', 'not recorded')}; the time is not in a bundle")
    _say(f"files         {sum(size or 0 for size in found['files'].values())} bytes")
    for name, size in found["files"].items():
        _say(f"  {size or '?':>11}  {name}")
    _print_metrics(found)
    _say(f"examples      {'yes' if found['examples'] else 'none'}")
    _say(f"screening     {'none' if found['screening'] is None else 'yes'}")
    dated = f", {certificate['date']}" if "date" in certificate else ""
    if found["student"]:
        _say(f"student       yes; digest of the tiers {found['tiers_digest']}")
    _say(f"certificate   {certificate['status']}{dated}")
    if signature is None:
        _say("signature     none")
    else:
        state = "checked" if signature["checked"] else "NOT CHECKED, name a key by --key"
        _say(f"signature     by {signature['key_id']} ({state}): {signature['comment']}")


def _print_metrics(found: dict[str, Any]) -> None:
    _say(f"metrics       on the {found['metrics_on'] or 'data not recorded'}, 95 % intervals")
    _say(f"  {'':<24}" + "".join(f"{title:<22}" for title in SHOWN.values()).rstrip())
    for name, figures in found["metrics"].items():
        cells = (_cell(figures.get(metric)) for metric in SHOWN)
        _say(f"  {name:<24}" + "".join(f"{cell:<22}" for cell in cells).rstrip())


def _cell(figure: Any) -> str:
    if not isinstance(figure, dict) or figure.get("value") is None:
        return "-"
    return f"{figure['value']:.3f} [{figure.get('low', 0):.3f}, {figure.get('high', 1):.3f}]"
