"""``critech bundle keygen`` and ``sign``."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import sys
from pathlib import Path
from typing import Any

from critech.errors import InputError

MAX_PASSWORD_BYTES = 4_096


def add_parsers(commands: Any) -> None:
    """Add the parsers of both to the subcommands of ``critech bundle``."""
    keygen = commands.add_parser("keygen", help="make a key pair: NAME.key and NAME.pub")
    keygen.add_argument("name", type=Path, metavar="NAME")
    keygen.set_defaults(action=_keygen)
    sign = commands.add_parser("sign", help="sign a bundle")
    sign.add_argument("folder", type=Path, metavar="FOLDER")
    sign.add_argument("--key", type=Path, required=True, metavar="SECRET", help="the secret key")
    sign.set_defaults(action=_sign)
    for command in (keygen, sign):
        command.add_argument(
            "--password-file", type=Path, metavar="F", help="its first line; asked for otherwise"
        )
    keygen.add_argument(
        "--no-password", action="store_true", help="leave the secret key unencrypted"
    )


def _keygen(args: argparse.Namespace) -> int:
    from critech.bundle.signature import generate

    password = None if args.no_password else _password(args.password_file, twice=True)
    secret, public = (args.name.with_name(args.name.name + end) for end in (".key", ".pub"))
    key_id = generate(secret, public, password)
    print(f"key {key_id}: keep {secret} secret, hand {public} out", file=sys.stderr)
    return 0


def _sign(args: argparse.Namespace) -> int:
    from critech.bundle.checking import check_bundle
    from critech.bundle.reading import locate
    from critech.bundle.signature import needs_password, sign_bundle

    folder = locate(args.folder)
    check_bundle(folder).raise_first()
    password = _password(args.password_file) if needs_password(args.key) else None
    signed = sign_bundle(folder, args.key, password, dt.datetime.now(dt.UTC))
    print(f"signed by {signed.key_id}: {signed.comment}")
    return 0


def _password(file: Path | None, twice: bool = False) -> str:
    if file is None:
        if not sys.stdin.isatty():
            raise InputError("password", "there is no terminal to ask on; give --password-file")
        password = getpass.getpass("Password of the key: ")
        if twice and password != getpass.getpass("Again: "):
            raise InputError("password", "is not the same twice")
    else:
        try:
            with file.open(encoding="utf-8") as lines:
                password = lines.readline(MAX_PASSWORD_BYTES).rstrip("\r\n")
        except (OSError, ValueError):
            raise InputError("--password-file", "cannot be read") from None
    if not password:
        raise InputError("password", "is empty; --no-password makes a key without one")
    return password
