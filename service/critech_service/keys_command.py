"""``critech keys``: create, list and revoke API keys."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from critech.commands.arguments import Parser, date_argument
from critech.errors import InputError
from critech_service.access.records import KeyFile, KeyRecord, Scope, new_key, now
from critech_service.access.store import read_keys, update_keys
from critech_service.settings import read_settings


def run(argv: Sequence[str]) -> int:
    """Parse the arguments and run one subcommand."""
    args = _parser().parse_args(argv)
    path = args.file or read_settings({}).keys_file
    if path is None:
        raise InputError("keys file", "name it by --file or CRITECH_KEYS_FILE")
    return int(args.action(args, path))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="critech keys", description="API keys of the service.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="make a key and print it, this once")
    create.add_argument("--name", required=True, help="whose key it is; shown by list")
    create.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=[scope.value for scope in Scope],
        help="what it allows; may be given again",
    )
    create.add_argument(
        "--expires", type=date_argument, metavar="DATE", help="last day it works, UTC"
    )
    create.set_defaults(action=_create)
    listing = commands.add_parser("list", help="all keys, without their secrets")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(action=_list)
    revoke = commands.add_parser("revoke", help="end a key at once")
    revoke.add_argument("id", help="its id, the part after ck_")
    revoke.set_defaults(action=_revoke)
    for command in (create, listing, revoke):
        command.add_argument(
            "--file", type=Path, metavar="FILE", help="the keys file (CRITECH_KEYS_FILE)"
        )
    return parser


def _create(args: argparse.Namespace, path: Path) -> int:
    if args.expires is not None and args.expires < now().date():
        raise InputError("--expires", "is in the past")
    scopes = tuple(scope for scope in Scope if scope in args.scope)
    try:
        record, token = new_key(args.name, scopes, args.expires)
    except ValidationError as error:
        raise InputError("--name", error.errors()[0]["msg"]) from None
    update_keys(path, lambda keys: KeyFile(keys=(*keys.keys, record)))
    print(f"key {record.id} is kept in {path} as a hash; it is shown this once:", file=sys.stderr)
    print(token)
    return 0


def _list(args: argparse.Namespace, path: Path) -> int:
    today = now().date()
    records = read_keys(path).keys
    if args.json:
        print(json.dumps([_shown(record, today) for record in records], ensure_ascii=False))
        return 0
    for record in records:
        shown = _shown(record, today)
        expires = shown["expires"] or "never"
        scopes = ",".join(record.scopes)
        print(f"{record.id}  {shown['state']:<7}  {expires:<10}  {scopes:<36}  {record.name}")
    return 0


def _shown(record: KeyRecord, today: dt.date) -> dict[str, object]:
    fields = record.model_dump(mode="json", exclude={"hashed"})
    return {**fields, "state": record.state(today)}


def _revoke(args: argparse.Namespace, path: Path) -> int:
    def change(keys: KeyFile) -> KeyFile:
        if all(record.id != args.id for record in keys.keys):
            raise InputError("id", "there is no such key in the file")
        return KeyFile(keys=tuple(_revoked(record, args.id) for record in keys.keys))

    if not path.exists():
        raise InputError("keys file", "there is none")
    update_keys(path, change)
    print(f"key {args.id} is revoked", file=sys.stderr)
    return 0


def _revoked(record: KeyRecord, key_id: str) -> KeyRecord:
    if record.id != key_id or record.revoked is not None:
        return record
    return record.model_copy(update={"revoked": now()})
