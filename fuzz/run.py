"""Run one coverage-guided target: ``python fuzz/run.py ipc --seconds 600``.

Inputs that widen coverage gather in ``fuzz/corpus/<target>``; an input that breaks something is
written to ``fuzz/findings/`` and ends the run. Each found input becomes a file in
``tests/fuzz_corpus/<target>``, which the test suite replays and from which later runs start.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent / "tests" / "fuzz_corpus"
TARGETS = ("ipc", "text", "ndjson", "bundle")
INSTRUMENTED = ["critech", "critech_labels", "critech_service"]
INPUT_SECONDS = 10
MEMORY_MB = 2048


def main() -> None:
    """Fuzz until the time is up or something breaks; the exit code is then not 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    given = parser.parse_args()

    import atheris

    atheris.enabled_hooks.add("str")  # not "RegEx", whose patterns take no positions
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        target = importlib.import_module(f"fuzz_{given.target}")
    atheris.Setup(_options(given.target, given.seconds, target.MAX_BYTES), target.one_input)
    atheris.Fuzz()


def _options(target: str, seconds: int, max_bytes: int) -> list[str]:
    grown, findings = HERE / "corpus" / target, HERE / "findings"
    grown.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    dictionary = HERE / "dictionaries" / f"{target}.txt"
    return [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-timeout={INPUT_SECONDS}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={max_bytes}",
        "-len_control=20",
        f"-artifact_prefix={findings}/{target}-",
        "-print_final_stats=1",
        *([f"-dict={dictionary}"] if dictionary.is_file() else []),
        str(grown),
        str(KEPT / target),
    ]


if __name__ == "__main__":
    main()
