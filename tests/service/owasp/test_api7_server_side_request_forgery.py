"""OWASP API7:2023 Server Side Request Forgery.

No request makes the service fetch anything: it has no client for any protocol. Addresses, in every
field and header where others have fallen for one, are text or an error. (``egress/`` shows that the
whole service works while it can reach nobody.)
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from keyed import Keys
from server_process import ServerProcess, ask

CLIENTS = ("requests", "urllib3", "httpx", "httpx2", "aiohttp", "httpcore", "urllib.request",
           "http.client", "ftplib", "smtplib", "xmlrpc.client", "telnetlib")  # fmt: skip
# prometheus_client imports these two at its top, for a push gateway that is never asked for: what
# serves /metrics stands in the same module. No other module may have anything of them.
ALLOWED = ("urllib.request", "http.client")
HOLDERS = {"prometheus_client.exposition", "urllib", "http", *ALLOWED}


@pytest.fixture(scope="module")
def trap() -> Iterator[tuple[str, list[bytes]]]:
    """An address on loopback, and what came to it."""
    caught: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    caught.append(connection.recv(1000))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x", caught
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_an_address_in_any_field_is_not_visited(
    server: ServerProcess, keys: Keys, trap: tuple[str, list[bytes]]
) -> None:
    url, caught = trap
    document = {
        "id": url,
        "title": url,
        "text": f"{url} <img src='{url}'> ![]({url})",
        "ipc": [url],
    }
    filing = {"id": url, "title": url, "abstract": url, "claims": url, "description": url}
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [url]}
    headers = {
        **keys.header("all"), "Content-Type": "application/json", "Host": url.split("/")[2],
        **dict.fromkeys(("X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "Referer", "Origin",
                         "Traceparent", "Callback", "X-Callback-Url", "Profile", "Link"), url),
    }  # fmt: skip
    for path, body in (
        ("/v1/classify", {"documents": [document], "explain": True}),
        ("/v1/classify", {"documents": [document], "callback": url}),
        ("/v1/classify", {"documents": [document], "taxonomies": [url]}),
        ("/v1/screen", {"filings": [filing]}),
        ("/annif/v1/projects/us-ecra-14-en/suggest-batch", {"documents": [{"text": url}]}),
        ("/v2/models/critech/infer", {"inputs": [tensor], "parameters": {"taxonomy": url}}),
        ("/v1/classify?url=" + url, {"$ref": url, "documents": [{"$ref": url}]}),
    ):
        named = {name: value for name, value in headers.items() if name != "Host"}
        answer = ask(server.where, "POST", path, json.dumps(body).encode(), named)
        assert answer.status in (200, 400, 422)
    for path in (f"/v1/taxonomies/{url}", f"/v1/crosswalk?label={url}", f"/{url}"):
        assert ask(server.where, "GET", path, headers=keys.header("all")).status in (404, 422)
    assert caught == []
    assert server.notes("call") == []


def test_it_is_no_proxy(server: ServerProcess, keys: Keys, trap: tuple[str, list[bytes]]) -> None:
    url, caught = trap
    assert ask(server.where, "GET", url, headers=keys.header("all")).status in (400, 404)
    connect = ask(server.where, "CONNECT", url.split("/")[2], headers=keys.header("all"))
    assert connect.status in (400, 403, 404, 405)
    assert caught == []


def test_the_trap_catches(trap: tuple[str, list[bytes]]) -> None:
    url, caught = trap
    before = len(caught)
    host, port = url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(b"caught")
        assert connection.recv(10) == b""
    assert caught[before:] == [b"caught"]


def test_the_server_loads_no_client(server: ServerProcess) -> None:
    """After the application is made and has classified, no HTTP or mail client is even imported but
    ``ALLOWED``, and nothing of those is in the hands of any module but ``HOLDERS``."""
    code = f"""
import json, sys
from critech import Classifier
from critech_service.app import create_app
from critech_service.settings import Settings
import critech_service.command, critech_service.workers, critech_service.http_protocol
classifier = Classifier.load(threads=1)
create_app(Settings(), classifier).openapi()
classifier.classify(["A torpedo tube door."])
loaded = [name for name in {CLIENTS!r} if name in sys.modules]
allowed = [sys.modules[name] for name in {ALLOWED!r}]
holders = [
    name for name, module in list(sys.modules.items())
    if any(
        one is allowed[0] or one is allowed[1] or getattr(one, "__module__", None) in {ALLOWED!r}
        for one in list(vars(module).values())
    )
]
print(json.dumps([loaded, holders]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, holders = json.loads(done.stdout)
    assert set(loaded) == set(ALLOWED)
    assert set(holders) <= HOLDERS
    assert "prometheus_client.exposition" in holders, "the search sees who holds something"
