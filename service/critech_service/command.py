"""``critech serve``: run the HTTP service."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from critech.commands.arguments import Parser, count_or_zero_argument
from critech_service.listening import check_exposure, check_tls, is_exposed, unix_socket
from critech_service.loading import load_classifier, load_shadow
from critech_service.observability.logs import logging_config, start_logging
from critech_service.serving import Serving
from critech_service.settings import Settings, read_settings

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

log = logging.getLogger("critech")
DRAIN_SECONDS = 20  # below the 30 after which systemd and containers kill
# longer than proxies keep an idle connection (60), or they send into one that is being closed
KEEP_ALIVE_SECONDS = 75


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, verify the bundle, serve until stopped."""
    given = {name: value for name, value in vars(_arguments(argv)).items() if value is not None}
    settings = read_settings(given)
    has_keys = settings.keys_file is not None or settings.keys is not None
    check_exposure(settings, has_keys)
    check_tls(settings)
    start_logging(settings.log_format, settings.log_level)
    if has_keys and is_exposed(settings) and settings.tls_cert is None:
        log.warning("keys and texts travel in the clear unless TLS ends in front of this server")
    from critech_service.app import create_app
    from critech_service.hangup import ignore_hangup, reload_on_hangup

    # uvicorn drains on SIGTERM and SIGINT, then raises the signal again: end with 0, not by it
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    ignore_hangup()
    if settings.workers > 1:
        return _serve_by_workers(settings)
    with contextlib.ExitStack() as stack:
        serving = Serving(load_classifier(settings))
        stack.callback(serving.close)
        shadow = load_shadow(settings)
        if shadow is not None:
            stack.callback(shadow.close)
        app = create_app(settings, serving, shadow)
        reload_on_hangup(app)
        return _serve(app, settings)


def _serve(app: FastAPI, settings: Settings) -> int:
    import uvicorn

    server = uvicorn.Server(_config(settings)(app, workers=1))
    app.state.readiness.add("not_stopping", lambda: not server.should_exit)
    with _sockets(settings) as sockets, contextlib.suppress(SystemExit):  # a busy port, logged
        server.run(sockets)
    return 0 if server.started else 1


def _serve_by_workers(settings: Settings) -> int:
    from critech_service.app import create_app
    from critech_service.workers import run_workers, workers_config

    load_classifier(settings).close()  # what is broken at the start ends here, not in each worker
    create_app(settings)  # keys and audit log likewise
    config = workers_config(_config(settings), settings)
    try:
        with _sockets(settings) as sockets:
            run_workers(config, sockets)
    except SystemExit:  # a busy port, logged
        return 1
    return 0


@contextlib.contextmanager
def _sockets(settings: Settings) -> Iterator[list[socket.socket] | None]:
    """Yield the UNIX socket that the settings name; uvicorn opens any other."""
    if settings.uds is None:
        yield None
        return
    with unix_socket(settings.uds, int(settings.uds_mode, 8)) as listener:
        logging.getLogger("uvicorn.error").info("critech running on unix:%s", settings.uds)
        yield [listener]


def _config(settings: Settings) -> partial[uvicorn.Config]:
    """Return what both ways of serving tell uvicorn; the application is left to them."""
    import uvicorn

    from critech_service.http_protocol import Protocol

    return partial(
        uvicorn.Config,
        host=settings.host,
        port=settings.port,
        http=partial(Protocol, head_seconds=settings.receive_seconds),  # type: ignore[arg-type]
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        log_config=logging_config(settings.log_format, settings.log_level),
        log_level=settings.log_level,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ws="none",
        access_log=False,
        server_header=False,
    )


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="critech serve",
        description="Serve the HTTP API. Options win over CRITECH_* environment variables.",
    )
    parser.add_argument("--host", help="address to listen on (CRITECH_HOST; 127.0.0.1)")
    parser.add_argument(
        "--port", type=count_or_zero_argument, help="port to listen on (CRITECH_PORT; 8000)"
    )
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="bundle (CRITECH_BUNDLE)")
    parser.add_argument(
        "--bundles-dir", type=Path, metavar="DIR", help="instead (CRITECH_BUNDLES_DIR)"
    )
    parser.add_argument(
        "--threads", type=count_or_zero_argument, help="inference threads (CRITECH_THREADS)"
    )
    parser.add_argument(
        "--workers",
        type=count_or_zero_argument,
        metavar="N",
        help="server processes (CRITECH_WORKERS; 1)",
    )
    parser.add_argument(
        "--keys-file", type=Path, metavar="FILE", help="API keys (CRITECH_KEYS_FILE)"
    )
    parser.add_argument(
        "--insecure-no-keys",
        action="store_true",
        default=None,
        help="listen on any address without keys (CRITECH_INSECURE_NO_KEYS)",
    )
    parser.add_argument(
        "--tls-cert", type=Path, metavar="PEM", help="certificate chain (CRITECH_TLS_CERT)"
    )
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its key (CRITECH_TLS_KEY)")
    parser.add_argument(
        "--uds", type=Path, metavar="PATH", help="UNIX socket, not host and port (CRITECH_UDS)"
    )
    parser.add_argument("--uds-mode", metavar="OCTAL", help="its mode (CRITECH_UDS_MODE; 660)")
    return parser.parse_args(argv)
