"""Closed and open loop: what they count and when they send, against a server of a few lines."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.closed_loop import is_installed, load, read_sample
from harness.open_loop import due_times, fire

LINE = (
    '{"seconds": 2.0, "p50_ms": 1.5, "p99_ms": 9.0, "max_ms": 9.5, "statuses": {"200": 10, '
    '"429": 3, "503": 1, "500": 2}, "errors": {"connect": 1, "read": 0, "write": 0, "timeout": 1}}'
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that answers with the status that the body asks for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_refused_is_not_failed() -> None:
    sample = read_sample(8, LINE)
    assert (sample.good, sample.refused, sample.failed) == (10, 4, 4)  # 2 of 500, 2 broken
    assert sample.per_second == 5.0


@pytest.mark.skipif(not is_installed(), reason="wrk is not installed")
def test_wrk_sends_every_line_and_counts_every_status(address: str, tmp_path: Path) -> None:
    bodies = tmp_path / "bodies"
    bodies.write_text("200\n429\n500\n")
    sample = load(address, bodies, clients=2, seconds=1)
    assert set(sample.statuses) == {"200", "429", "500"}
    assert max(sample.statuses.values()) - min(sample.statuses.values()) <= 2
    assert sample.broken == 0


def test_even_times_are_even_and_random_ones_have_the_rate() -> None:
    assert due_times(2.0, 2.0, randomly=False) == [0.0, 0.5, 1.0, 1.5]
    drawn = due_times(50.0, 40.0, randomly=True)
    assert drawn == due_times(50.0, 40.0, randomly=True)
    assert len(drawn) == pytest.approx(2_000, rel=0.1)
    assert drawn == sorted(drawn)


def test_every_due_request_is_sent_not_early_and_its_status_kept(address: str) -> None:
    started = time.perf_counter()
    shots = fire(address, [b"200", b"503"], [0.0, 0.1, 0.2, 0.3])
    assert time.perf_counter() - started >= 0.5  # 0.2 s to get ready, and the last is due at 0.3
    assert [(shot.body, shot.status) for shot in shots] == [(0, 200), (1, 503), (0, 200), (1, 503)]
    assert all(shot.ms >= shot.late_ms >= 0 for shot in shots)


def test_no_server_is_a_status_of_0() -> None:
    (shot,) = fire("http://127.0.0.1:9/", [b"200"], [0.0])
    assert shot.status == 0
