"""A real server on loopback, started by the command line."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from critech import Classifier

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "critech.cli", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CRITECH_HOST": "127.0.0.1", "CRITECH_THREADS": "2"},
    )
    assert process.stderr is not None
    address = ""
    for line in process.stderr:
        if found := re.search(r"running on (http://[\d.:]+)", line):
            address = found[1]
            break
    yield address
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    process.stderr.close()


def post(url: str, body: object) -> dict:  # type: ignore[type-arg]
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())  # type: ignore[no-any-return]


def test_http_gives_the_bits_of_the_library(server: str, classifier: Classifier) -> None:
    texts = ["A rocket motor with a solid propellant grain.", "使用済み核燃料の溶解槽"]
    body = {"documents": [{"text": text} for text in texts], "top_k": None}
    alone = [
        post(f"{server}/v1/classify", {"documents": [{"text": t}], "top_k": None}) for t in texts
    ]
    both = post(f"{server}/v1/classify", body)
    assert both["results"] == [answer["results"][0] for answer in alone]
    from critech.classifier import Options

    expected = classifier.classify(texts, Options(top_k=None)).as_dict()
    assert both == json.loads(json.dumps(expected))


def test_the_command_line_gives_them_too(server: str) -> None:
    text = "A rocket motor with a solid propellant grain."
    over_http = post(f"{server}/v1/classify", {"documents": [{"text": text}]})
    command = [sys.executable, "-m", "critech.cli", "classify", text, "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout) == over_http


def test_an_idle_connection_is_kept_for_a_proxy(server: str) -> None:
    """nginx holds one for 60 s; uvicorn's own 5 s would have it send into a closing one."""
    connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=60)
    for pause in (0, 7):
        time.sleep(pause)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
    connection.close()


def test_a_busy_port_ends_with_1(server: str) -> None:
    port = server.rpartition(":")[2]
    command = [sys.executable, "-m", "critech.cli", "serve", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_curl_examples_of_the_readme(server: str) -> None:
    blocks = re.findall(r"```sh\n(curl .*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        command = block.replace("http://127.0.0.1:8000", server)
        done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        answer = json.loads(done.stdout)
        assert "errors" not in answer, answer
