"""A collector of OpenTelemetry spans on loopback, which keeps what it is sent as it came."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server_process import until

EXPORT_MILLISECONDS = 100


class SpanCollector(ThreadingHTTPServer):
    """``caught`` returns the bytes of every export so far, which hold strings as they are."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.exports: list[bytes] = []

    def env(self) -> dict[str, str]:
        """Return what makes a server send its spans here, soon and unpacked."""
        return {
            "CRITECH_OTEL_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": str(EXPORT_MILLISECONDS),
            "OTEL_BSP_MAX_QUEUE_SIZE": "100000",
        }

    def caught(self) -> bytes:
        until(lambda: self.exports, 60)
        return b"".join(self.exports)


class _Handler(BaseHTTPRequestHandler):
    server: SpanCollector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.exports.append(str(self.headers).encode() + body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def span_collector() -> Iterator[SpanCollector]:
    """Yield a collector at work."""
    collector = SpanCollector()
    thread = threading.Thread(target=collector.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
