"""``critech serve``: run the HTTP service."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from critech.bundle import read_bundle
from critech.classifier import Classifier
from critech.errors import InputError
from critech_service.settings import Settings


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, verify the bundle, serve until stopped."""
    parser = argparse.ArgumentParser(
        prog="critech serve",
        description="Serve the HTTP API. Options win over CRITECH_* environment variables.",
    )
    parser.add_argument("--host", help="address to listen on (CRITECH_HOST; 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (CRITECH_PORT; 8000)")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="bundle (CRITECH_BUNDLE)")
    parser.add_argument("--threads", type=int, help="inference threads (CRITECH_THREADS)")
    args = parser.parse_args(argv)
    given = {name: value for name, value in vars(args).items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise InputError(f"setting {first['loc'][0]}", first["msg"]) from None
    import uvicorn

    from critech_service.app import create_app

    # uvicorn drains on SIGTERM and SIGINT, then raises the signal again: end with 0, not by it
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with Classifier(read_bundle(settings.bundle), settings.threads) as classifier:
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(settings, classifier),
                host=settings.host,
                port=settings.port,
                log_level=settings.log_level,
                access_log=False,
                server_header=False,
            )
        )
        with contextlib.suppress(SystemExit):  # a busy port too: uvicorn has logged it
            server.run()
    return 0 if server.started else 1
