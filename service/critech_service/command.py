"""``critech serve``: run the HTTP service."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from critech_service.listening import check_exposure, check_tls, is_exposed, unix_socket
from critech_service.loading import load_classifier, load_shadow
from critech_service.observability.logs import logging_config, start_logging
from critech_service.serving import Serving
from critech_service.settings import Settings, read_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger("critech")
GRACE_SECONDS = 20  # on SIGTERM, for requests under way and for streams, which need not end


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

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            log_config=logging_config(settings.log_format, settings.log_level),
            log_level=settings.log_level,
            ws="none",
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
        )
    )
    app.state.readiness.add("not_stopping", lambda: not server.should_exit)
    with contextlib.ExitStack() as stack:
        sockets = None
        if settings.uds is not None:
            mode = int(settings.uds_mode, 8)
            sockets = [stack.enter_context(unix_socket(settings.uds, mode))]
            logging.getLogger("uvicorn.error").info("critech running on unix:%s", settings.uds)
        with contextlib.suppress(SystemExit):  # a busy port too: uvicorn has logged it
            server.run(sockets)
    return 0 if server.started else 1


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="critech serve",
        description="Serve the HTTP API. Options win over CRITECH_* environment variables.",
    )
    parser.add_argument("--host", help="address to listen on (CRITECH_HOST; 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (CRITECH_PORT; 8000)")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="bundle (CRITECH_BUNDLE)")
    parser.add_argument(
        "--bundles-dir", type=Path, metavar="DIR", help="instead (CRITECH_BUNDLES_DIR)"
    )
    parser.add_argument("--threads", type=int, help="inference threads (CRITECH_THREADS)")
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
