"""Hold the service against its own OpenAPI document: ``python fuzz/openapi.py --examples 10000``.

schemathesis with all its checks and phases, stateful among them, against a real server on
loopback: half of the examples without API keys, half with. Runs with new seeds follow each other
until at least so many requests were sent, and end at the first finding.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from critech import Classifier
from fast_service import app_with_key, fast_app, fast_classifier, serving

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Outcome:
    """What one run of schemathesis says: requests sent, and its report where it found something."""

    requests: int
    finding: str | None


def main() -> None:
    """Run until enough requests were sent; exit 1 on a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000, help="requests to send in all")
    parser.add_argument("--per-operation", type=int, default=100, help="examples in each phase")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    given = parser.parse_args()
    with fast_classifier(threads=2) as classifier:
        for keys in (False, True):
            sent, seed = 0, given.seed
            while sent < given.examples / 2:
                outcome = run(classifier, keys, given.per_operation, seed)
                sent, seed = sent + outcome.requests, seed + 1
                print(f"keys {keys}: {sent} requests sent, seed {seed - 1}", flush=True)
                if outcome.finding is not None:
                    sys.exit(outcome.finding)


def run(classifier: Classifier, keys: bool, per_operation: int, seed: int) -> Outcome:
    """Return what schemathesis finds in one run."""
    with tempfile.TemporaryDirectory() as folder:
        if keys:
            app, token = app_with_key(classifier, Path(folder))
        else:
            app, token = fast_app(classifier), ""
        report, document = Path(folder) / "report.json", Path(folder) / "openapi.json"
        document.write_text(json.dumps(app.openapi()))
        with serving(app) as address:
            ended = subprocess.run(
                [
                    *(sys.executable, "-m", "schemathesis.cli"),
                    *("--config-file", str(HERE / "schemathesis.toml")),
                    *("run", str(document), "--url", address),
                    *(f"--max-examples={per_operation}", f"--seed={seed}"),
                    *("--report=json", f"--report-json-path={report}", "--no-color"),
                ],
                capture_output=True,
                text=True,
                cwd=folder,
                env={
                    **os.environ,
                    "PYTHONWARNINGS": "ignore",
                    "CRITECH_FUZZ_KEY": token,
                    "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
                },
                check=False,
            )
        output = ended.stdout + ended.stderr
        sent = json.loads(report.read_text())["test_cases"]["generated"] if report.is_file() else 0
        return Outcome(sent, output if ended.returncode else None)


if __name__ == "__main__":
    main()
