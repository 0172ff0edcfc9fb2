"""No egress: the real server answers a round of requests while nobody outside can be reached.

Three mechanisms, each tried: a network namespace with nothing but loopback; a seccomp filter that
refuses the system calls of calling; an audit hook within Python that refuses and notes, which is
always there. Each is first shown to stop a process that does call out.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import Answer, ServerProcess, ask, ask_json, prepared, running

from critech_service.schemas import CLASSIFY_EXAMPLE
from critech_service.screen_schemas import SCREEN_EXAMPLE

CONFINED = [sys.executable, "-S", str(Path(__file__).parents[1] / "confined.py")]
MECHANISMS = ("namespace", "seccomp", "audit hook")
UNAVAILABLE = 77
# addresses for documentation (RFC 5737, 3849) and a name under .invalid (RFC 6761): nobody's
CALLERS = {
    "tcp": "socket.create_connection(('192.0.2.1', 443), 2)",
    "tcp6": "socket.create_connection(('2001:db8::1', 443), 2)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "name": "socket.getaddrinfo('collector.invalid', 443)",
    "http": "urllib.request.urlopen('http://192.0.2.1/', timeout=2)",
}
REFUSED = {"namespace": "unreachable", "seccomp": "not permitted", "audit hook": "is refused"}


def before(mechanism: str) -> list[str]:
    """Return what to put before a command; skip where the kernel does not have it."""
    if mechanism == "audit hook":
        return []
    tried = subprocess.run([*CONFINED, mechanism, "true"], capture_output=True, check=False)
    if tried.returncode == UNAVAILABLE:
        pytest.skip(f"{mechanism}: {tried.stderr.decode().strip()}")
    assert tried.returncode == 0, tried.stderr
    return [*CONFINED, mechanism]


@pytest.mark.parametrize("call", CALLERS)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_process_that_calls_is_stopped(mechanism: str, call: str, tmp_path: Path) -> None:
    env = prepared(tmp_path)
    if mechanism == "audit hook":
        env["WATCH_DENY"] = "1"
    code = f"import socket, urllib.request\n{CALLERS[call]}"
    done = subprocess.run(
        [*before(mechanism), sys.executable, "-c", code],
        env=env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    if call == "name" and mechanism != "audit hook":
        assert "gaierror" in done.stderr
    else:
        assert REFUSED[mechanism] in done.stderr
    if (mechanism, call) != ("seccomp", "udp"):  # which is refused the socket already
        assert "call\t" in (tmp_path / "notes").read_text()


@pytest.fixture(scope="module", params=MECHANISMS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server that cannot call; on a UNIX socket, which a network namespace does not shut off."""
    base = tmp_path_factory.mktemp("egress")
    proxies = ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY")
    env = {
        **dict.fromkeys(proxies, "http://192.0.2.1:3128"),
        **({"WATCH_DENY": "1"} if request.param == "audit hook" else {}),
        "CRITECH_AUDIT_LOG": str(base / "audit.jsonl"),
        "CRITECH_AUDIT_HMAC_KEY": "x" * 32,
    }
    command = before(request.param)
    with running(base, "--uds", str(base / "s"), env=env, before=command) as server:
        yield server
        assert server.stop() == 0


def a_round(where: str) -> list[Answer]:
    """Return the answers to one request of each kind."""
    given = ("/healthz", "/readyz", "/openapi.json", "/v1/model", "/v1/taxonomies", "/v1/crosswalk",
             "/annif/v1/projects", "/v2/models/critech")  # fmt: skip
    url = "https://192.0.2.1/feed.json"
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [url + " torpedo"]}
    return [
        *(ask(where, "GET", path) for path in given),
        ask_json(where, "/v1/classify", {**CLASSIFY_EXAMPLE, "explain": True}),
        ask_json(where, "/v1/classify", {"documents": [{"text": f"{url} <a href='{url}'>"}]}),
        ask_json(where, "/v1/screen", SCREEN_EXAMPLE),
        ask_json(where, "/v2/models/critech/infer", {"inputs": [tensor]}),
    ]


def test_everything_works_without_a_network(server: ServerProcess) -> None:
    answers = a_round(server.where)
    assert [answer.status for answer in answers] == [200] * len(answers)
    assert json.loads(answers[-2].body)["results"][0]["verdict"]


def test_nobody_was_called(server: ServerProcess) -> None:
    """Not even tried: whatever the mechanism, what Python does is noted."""
    assert server.notes("call") == []
    assert server.notes("run") == []


def test_no_socket_but_the_one_it_listens_on(server: ServerProcess) -> None:
    """By the kernel's tables: no socket of the process has an address."""
    inodes = {
        str(link.readlink())[8:-1]
        for link in Path(f"/proc/{server.pid}/fd").iterdir()
        if str(link.readlink()).startswith("socket:")
    }
    for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        table = Path(f"/proc/{server.pid}/net/{name}")
        rows = table.read_text().splitlines()[1:] if table.exists() else []
        assert [row for row in rows if row.split()[9] in inodes] == []


def test_loopback_over_tcp_within_the_namespace(tmp_path: Path) -> None:
    """A server on TCP and its client, both in a namespace that has nothing else."""
    start = before("namespace")
    code = f"""
import sys; sys.path[:0] = {[str(Path(__file__).parents[1])]!r}
from pathlib import Path
from server_process import ask_json, running
with running(Path({str(tmp_path / "inner")!r})) as server:
    answer = ask_json(server.where, "/v1/classify", {{"documents": [{{"text": "A torpedo."}}]}})
    print(answer.status, server.where)
"""
    env = prepared(tmp_path)
    done = subprocess.run(
        [*start, sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("200 127.0.0.1:"), done.stderr


def test_the_tester_could_be_called(tmp_path: Path) -> None:
    """Without confinement the same kind of call goes through, so the refusals mean something."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        done = subprocess.run([sys.executable, "-c", code], check=False, env=prepared(tmp_path))
        assert done.returncode == 0
