"""Where the server may listen, and real servers on TLS and on a UNIX socket."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from critech.cli import main
from critech.errors import InputError
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.listening import check_exposure, check_tls, is_loopback, unix_socket
from critech_service.settings import Settings


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.0.7", False),
        ("localhost.example.org", False),
        ("0", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_another_address_needs_keys_or_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 1
    said = capsys.readouterr().err
    for name in ("CRITECH_KEYS_FILE", "--insecure-no-keys", "CRITECH_INSECURE_NO_KEYS=true"):
        assert name in said
    open_host = Settings(host="0.0.0.0")
    check_exposure(open_host, has_keys=True)
    check_exposure(Settings(host="0.0.0.0", insecure_no_keys=True), has_keys=False)
    check_exposure(Settings(host="0.0.0.0", uds=Path("s")), has_keys=False)
    check_exposure(Settings(), has_keys=False)
    with pytest.raises(InputError):
        check_exposure(open_host, has_keys=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("{", "is not JSON"), ('{"format": 9}', "format: Input should be")],
)
def test_serve_ends_with_1_on_unusable_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.touch(0o600)
        path.write_text(content)
    assert main(["serve", "--keys-file", str(path), "--port", "0"]) == 1
    assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", "/CN=critech", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(key), "-out", str(cert),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def test_certificate_and_key_belong_together(pair: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = pair
    check_tls(Settings())
    check_tls(Settings(tls_cert=cert, tls_key=key))
    for settings, message in (
        (Settings(tls_cert=cert), "tls_key: certificate and key belong together"),
        (Settings(tls_key=key), "tls_cert: certificate and key belong together"),
        (Settings(tls_cert=cert, tls_key=tmp_path / "none"), "tls_key: the file cannot be read"),
        (Settings(tls_cert=key, tls_key=cert), "no unencrypted PEM files of one pair"),
    ):
        with pytest.raises(InputError, match=message):
            check_tls(settings)
    locked = tmp_path / "locked.pem"
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", str(key)]
    subprocess.run([*command, "-out", str(locked)], check=True, capture_output=True)
    with pytest.raises(InputError, match="no unencrypted PEM"):  # and asks for no password
        check_tls(Settings(tls_cert=cert, tls_key=locked))


Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server; return its process and the line that says where it runs."""
    processes: list[subprocess.Popen[str]] = []

    def run(*options: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "critech.cli", "serve", "--threads", "1", *options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "running on" in line:
                return process, "".join(said)
        raise AssertionError("".join(said))

    yield run
    for process in processes:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        process.stderr.close()


def test_tls_by_a_real_server(
    start: Start, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRITECH_LOG_LEVEL", "debug")
    cert, key = pair
    record, token = new_key("office", (Scope.CLASSIFY,))
    keys_file = tmp_path / "keys.json"
    update_keys(keys_file, lambda _: KeyFile(keys=(record,)))
    options = ["--tls-cert", str(cert), "--tls-key", str(key), "--keys-file", str(keys_file)]
    process, said = start("--host", "0.0.0.0", "--port", "0", *options)
    found = re.search(r"running on https://0\.0\.0\.0:(\d+)", said)
    assert found is not None
    assert "in the clear" not in said
    url = f"https://127.0.0.1:{found[1]}/v1/model"
    context = ssl.create_default_context(cafile=cert)
    request = urllib.request.Request(url, headers={"X-API-Key": token})
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:
        assert answer.status == 200
        assert answer.headers["strict-transport-security"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, context=context, timeout=30)
    assert refused.value.code == 401
    refused.value.close()
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    assert token.split("_", 2)[2] not in said + process.stderr.read()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self.path))


def test_a_real_server_on_a_unix_socket(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "critech.sock"
    process, said = start("--uds", str(path), "--uds-mode", "600")
    assert f"critech running on unix:{path}" in said
    assert path.stat().st_mode & 0o777 == 0o600
    connection = UnixConnection(path)
    connection.request("GET", "/v1/model")
    assert connection.getresponse().status == 200
    connection.close()
    with pytest.raises(InputError, match="another server listens there"), unix_socket(path, 0o660):
        pass
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    assert not path.exists()


def test_a_unix_socket_has_its_mode_and_replaces_a_dead_one(tmp_path: Path) -> None:
    path = tmp_path / "s"
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(str(path))
    dead.close()
    before = os.umask(0o022)
    try:
        with unix_socket(path, 0o660):
            assert path.stat().st_mode & 0o777 == 0o660
            assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert not path.exists()


def test_a_unix_socket_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path, message in (
        (tmp_path / "file", "something that is no socket has this path"),
        (tmp_path / "none" / "s", "cannot listen there"),
        (tmp_path / ("x" * 120), "cannot listen there"),
    ):
        with pytest.raises(InputError, match=message), unix_socket(path, 0o660):
            pass
    assert (tmp_path / "file").read_text() == "x"


def test_a_bad_mode_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--uds", "s", "--uds-mode", "rw"]) == 1
    assert "setting uds_mode" in capsys.readouterr().err
