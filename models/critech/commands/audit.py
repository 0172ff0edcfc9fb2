"""``critech audit``: verify an audit log, override a verdict in it, find a filing in it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from critech.commands.arguments import Parser, check_file, count_argument


def run(argv: Sequence[str]) -> int:
    """Parse the arguments and run one subcommand."""
    args = _parser().parse_args(argv)
    return int(args.action(args))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="critech audit", description="The audit log.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="find changed, cut, inserted or moved lines")
    verify.add_argument("files", nargs="+", type=Path, metavar="FILE", help="oldest first")
    verify.add_argument(
        "--head", type=_hash, metavar="HASH", help="hash of a record that must be there"
    )
    verify.set_defaults(action=_verify)
    override = commands.add_parser("override", help="put a reviewer's verdict on record")
    override.add_argument("log", type=Path, metavar="FILE", help="the log that is written to")
    override.add_argument("--record", type=count_argument, required=True, metavar="SEQ")
    override.add_argument("--verdict", required=True, metavar="VERDICT")
    override.add_argument("--reason-code", required=True, metavar="CODE")
    override.add_argument("--reviewer", required=True, metavar="ID")
    override.set_defaults(action=_override)
    hmac = commands.add_parser("hmac", help="the digests by which filings stand in the log")
    hmac.add_argument("--file", type=Path, required=True, metavar="F", help="as for critech screen")
    hmac.add_argument("--hmac-file", type=Path, required=True, metavar="F", help="the secret")
    hmac.set_defaults(action=_hmac)
    return parser


def _hash(value: str) -> str:
    if not re.fullmatch("sha256:[0-9a-f]{64}", value, re.ASCII):
        raise argparse.ArgumentTypeError("expected sha256: and 64 hexadecimal digits")
    return value


def _verify(args: argparse.Namespace) -> int:
    from critech.audit_verify import verify

    report = verify(args.files, args.head)
    for finding in report.findings:
        print(finding)
    if report.unlisted:
        print(f"and {report.unlisted} more")
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    if report.first is not None and report.last is not None:
        print(f"{report.records} records, {report.first.seq} to {report.last.seq}, head "
              f"{report.last.hash}")  # fmt: skip
    print("damaged" if report.findings else "whole")
    return 1 if report.findings else 0


def _override(args: argparse.Namespace) -> int:
    from critech.audit_files import LogFiles
    from critech.audit_log import AuditLog
    from critech.audit_override import override
    from critech.errors import InputError

    check_file("log", args.log)
    if not LogFiles(args.log).head.is_file():  # opening a finished part would write to it
        raise InputError("log", "has no head beside it: name the file that is written to")
    # whoever serves rotates: a file begun here would belong to this user
    with AuditLog(args.log, max_bytes=sys.maxsize) as log:
        link, _ = override(log, args.record, args.verdict, args.reason_code, args.reviewer)
    print(f"record {link.seq}, head {link.hash}")
    return 0


def _hmac(args: argparse.Namespace) -> int:
    from critech.audit_secret import read_secret
    from critech.screening.intake import read_filings

    secret = read_secret(args.hmac_file)
    for number, filing in enumerate(read_filings(args.file)):
        found = secret.filing(filing)
        print(f"filings[{number}] {found['hmac']} {found['id_hmac'] or '-'}")
    return 0
