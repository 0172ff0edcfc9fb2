"""What the service does under load: throughput, refusals, time to answer, memory, start.

    python benchmarks/load.py throughput|overload|latency|memory|start|all [--quick]
        [--threads N] [--setting NAME=VALUE] [--json FILE]

Starts ``critech serve`` as a process of its own on loopback and loads it from outside, by wrk
(Debian's package ``wrk``) and, for the fixed rate, by ``harness/open_loop.py``. Client and server
share the machine; the client's share of it is in the tables, and a note says when other programs
took more than 5 %. Each part stays below ten minutes; ``--quick`` takes about a minute for all of
them together and is for trying out, not for figures. Markdown goes to stdout, progress to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from harness.closed_loop import is_installed
from harness.report import machine
from measures import latency, memory, overload, start, throughput
from measures.plan import Plan, Section

MEASURES = {
    "throughput": throughput.measure,
    "overload": overload.measure,
    "latency": latency.measure,
    "memory": memory.measure,
    "start": start.measure,
}


def main() -> int:
    """Measure and print; return 1 when a target was missed, 2 when wrk is absent."""
    args = _arguments()
    if not is_installed():
        print("load.py: needs wrk (apt-get install wrk)", file=sys.stderr)
        return 2
    names = list(MEASURES) if args.measure == "all" else [args.measure]
    sections: list[Section] = []
    print(f"Machine: {machine()}.\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        settings = dict(setting.split("=", 1) for setting in args.setting)
        plan = Plan(args.quick, args.threads, Path(folder), settings)
        for name in names:
            print(f"load.py: {name} ...", file=sys.stderr, flush=True)
            sections.append(MEASURES[name](plan))
            print(sections[-1].markdown() + "\n", flush=True)
    if args.json:
        found = {section.name: section.as_dict() for section in sections}
        args.json.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")
    return 0 if all(check.met for section in sections for check in section.checks) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measure", choices=[*MEASURES, "all"])
    parser.add_argument("--quick", action="store_true", help="a few seconds each, to try it out")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an environment variable of the server, such as CRITECH_RATE_LIMIT=0; repeatable",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
