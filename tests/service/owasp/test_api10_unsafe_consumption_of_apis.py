"""OWASP API10:2023 Unsafe Consumption of APIs.

No upstream is consumed: no database, queue, identity provider, model hub or collector. What comes
from outside without a caller is three files of the operator's (bundle, keys, audit log), each of
which is checked before it is used. Environment variables by which clients are sent elsewhere change
nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from server_process import ask, ask_json, running

from critech import Classifier
from critech.audit import AuditError
from critech.audit_log import AuditLog
from critech.bundle import ARRAYS, MANIFEST, default_path, manifest_digest, read_bundle
from critech.errors import BundleError
from critech_service.access.store import KeysError, read_keys

ELSEWHERE = "http://192.0.2.1:9"  # RFC 5737: nobody's
ENVIRONMENT = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), ELSEWHERE),
    **dict.fromkeys(("HF_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"), ELSEWHERE),
    "HF_HUB_OFFLINE": "0", "ORT_DISABLE_TELEMETRY": "0", "SSLKEYLOGFILE": "keylog",
    "SENTRY_DSN": "http://x@192.0.2.1/1", "NO_PROXY": "", "WEB_CONCURRENCY": "7",
    "UVICORN_HOST": "0.0.0.0", "UVICORN_RELOAD": "1", "FORWARDED_ALLOW_IPS": "*",
}  # fmt: skip


def test_the_environment_sends_it_nowhere(tmp_path: Path, classifier: Classifier) -> None:
    with running(tmp_path, env={**ENVIRONMENT, "WATCH_DENY": "1"}) as server:
        body = {"documents": [{"text": "A torpedo tube door."}]}
        answer = ask_json(server.where, "/v1/classify", body)
        expected = classifier.classify(["A torpedo tube door."]).as_dict()
        assert answer.json() == json.loads(json.dumps(expected))
        assert (
            ask(server.where, "GET", "/readyz", headers={"X-Forwarded-For": "1.2.3.4"}).status
            == 200
        )
        assert server.notes("call") == []
        assert server.notes("run") == [], "no workers that were not asked for"
        assert server.files() == []
        assert server.where.startswith("127.0.0.1:")


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploded",)


def test_a_bundle_with_a_pickle_in_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With checksums that fit, as its maker would have them."""
    monkeypatch.chdir(tmp_path)
    bundle = tmp_path / "bundle"
    shutil.copytree(default_path(), bundle)
    bomb = pickle.dumps(_Bomb())
    (bundle / ARRAYS).write_bytes(bomb)
    manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][ARRAYS] = {"sha256": hashlib.sha256(bomb).hexdigest(), "bytes": len(bomb)}
    manifest["digest"] = manifest_digest(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BundleError):
        read_bundle(bundle)
    assert not (tmp_path / "exploded").exists()
    pickle.loads(bomb)
    assert (tmp_path / "exploded").exists()


def test_files_of_the_operator_are_checked(tmp_path: Path) -> None:
    strange = tmp_path / "strange"
    strange.write_bytes(b"\x80\x04\x95" + b"\n" * 10 + b'{"kind": "start"}\n')
    strange.chmod(0o600)
    with pytest.raises(KeysError):
        read_keys(strange)
    with pytest.raises(AuditError):
        AuditLog(strange)
    with pytest.raises(BundleError):
        read_bundle(strange)


def test_no_module_of_ours_names_a_client() -> None:
    """What would consume an API is not imported anywhere in core, labels and service, but for the
    client of our own service, which the service never imports."""
    code = """
import ast, critech, critech_labels, critech_service
from pathlib import Path
clients = {"requests", "httpx", "httpx2", "urllib3", "aiohttp", "urllib.request", "http.client",
           "smtplib", "ftplib", "boto3", "redis", "sqlalchemy", "sqlite3", "pickle", "marshal"}
for package in (critech, critech_labels, critech_service):
    for path in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [])
            found = [n for n in names if n in clients or n.partition(".")[0] in clients]
            if found and path.parent.name != "client":
                print(path.name, found)
            if package is critech_service and any("critech.client" in name for name in names):
                print(path.name, names)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
