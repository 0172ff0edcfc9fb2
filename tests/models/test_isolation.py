"""Serving needs no torch and no network: shown in processes where both are taken away."""

import subprocess
import sys

CODE = """
import sys, socket

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {'torch', 'sklearn', 'transformers', 'sentence_transformers'}:
            raise ImportError(f'{name} is not to be imported')

sys.meta_path.insert(0, Refuse())

def closed(*args, **kwargs):
    raise OSError('the network is closed')

socket.socket.connect = closed
socket.socket.connect_ex = closed
socket.socket.sendto = closed
socket.create_connection = closed
socket.getaddrinfo = closed

def audit(event, args):
    if event in ('socket.connect', 'socket.sendto', 'socket.getaddrinfo', 'socket.gethostbyname'):
        raise OSError(f'{event}: the network is closed')

sys.addaudithook(audit)
try:
    import torch
except ImportError:
    pass
else:
    sys.exit('torch could be imported')
try:
    socket.getaddrinfo('localhost', 80)
except OSError:
    pass
else:
    sys.exit('the network is open')

from critech import Classifier
%s
"""

IN_PROCESS = """
with Classifier.load() as classifier:
    found = classifier.classify(['A scramjet engine with an isolator duct.', '量子鍵配送装置'])
print(len(found.results), found.model.digest)
"""

OVER_HTTP = """
from critech_service.app import create_app
from starlette.testclient import TestClient
with TestClient(create_app()) as client:
    answer = client.post('/v1/classify', json={'documents': [{'text': 'A scramjet engine.'}]})
    assert answer.status_code == 200, answer.text
    print(answer.json()['model']['digest'])
"""


def run(body: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", CODE % body]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_classification_without_torch_and_network() -> None:
    done = run(IN_PROCESS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 sha256:")


def test_service_without_torch_and_network() -> None:
    done = run(OVER_HTTP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sha256:")
