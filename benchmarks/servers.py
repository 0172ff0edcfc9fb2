"""critech beside other servers, in one run, on the same texts and the same machine.

    python benchmarks/servers.py --venvs DIR [--only NAME ...] [--rounds N] [--seconds N]
        [--clients N ...] [--quick] [--markdown FILE] [--json FILE]

Each server lives in a virtual environment of its own below DIR, made on demand with the versions
pinned in ``others/environments.py`` (several GB, some minutes, once); its model is made there from
the bundle's own encoder, the corpus and nothing else, so nothing is downloaded but packages. In
every round each server in turn is started, asked a first text until it answers, warmed up, loaded
by wrk at every number of clients, and stopped, so that a noisy machine disturbs all alike and
no two run at a time. A server that cannot be installed or does not answer stands in the table with
the reason. Needs wrk, and the training extra for what the models are made from.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from critech.bundle import read_bundle
from harness import closed_loop
from harness.closed_loop import Sample
from harness.processes import Running, ServerError, Shares, answers, running, settle, watched
from harness.report import machine, table
from harness.texts import abstracts, write_lines
from measures.plan import disturbance
from others.candidates import CANDIDATES, Candidate, Launch
from others.environments import InstallError
from others.models import ModelError, Models

COMPARED = 40


@dataclass
class Measured:
    """What one server gave: samples by number of clients, and a figure for each round."""

    candidate: Candidate
    version: str = ""
    launch: Launch | None = None
    reason: str = ""
    samples: dict[int, list[Sample]] = field(default_factory=dict)
    ready_s: list[float] = field(default_factory=list)
    idle_mb: list[float] = field(default_factory=list)
    loaded_mb: list[float] = field(default_factory=list)
    shares: list[Shares] = field(default_factory=list)
    best: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """What is done with every server."""

    texts: Sequence[str]
    clients: Sequence[int]
    seconds: float
    folder: Path


def main() -> int:
    """Measure and print; return 2 when wrk is absent."""
    args = _arguments()
    if not closed_loop.is_installed():
        print("servers.py: needs wrk (apt-get install wrk)", file=sys.stderr)
        return 2
    bundle = read_bundle()
    # others start in their own folders
    models = Models(bundle, args.venvs.resolve() / f"models-{bundle.digest[7:15]}")
    models.folder.mkdir(parents=True, exist_ok=True)
    found = [
        Measured(c) for c in CANDIDATES if not args.only or any(o in c.name for o in args.only)
    ]
    for one in found:
        _prepare(one, args.venvs.resolve(), models)
    with tempfile.TemporaryDirectory(prefix="servers-") as folder:
        job = Job(abstracts(480), args.clients, args.seconds, Path(folder))
        for turn in range(args.rounds):
            for one in found:
                if not one.reason:
                    _say(f"round {turn + 1}: {one.candidate.name}")
                    _measure(one, job, bundle)
    text = _markdown(found, args)
    print(text)
    if args.markdown:
        args.markdown.write_text(text + "\n", encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps([_as_dict(one) for one in found], indent=1) + "\n")
    return 0


def _prepare(one: Measured, venvs: Path, models: Models) -> None:
    """Make the environment and the model; keep the reason when one cannot be made."""
    _say(f"preparing {one.candidate.name}")
    try:
        programs = one.candidate.environment.made(venvs)
        one.version = one.candidate.environment.version(programs)
        one.launch = one.candidate.launch(programs, models)
    except InstallError as error:
        one.reason = f"cannot be installed: {error}"
    except ModelError as error:
        one.reason = f"its model cannot be made: {error}"


def _measure(one: Measured, job: Job, bundle) -> None:  # type: ignore[no-untyped-def]
    candidate, launch = one.candidate, one.launch
    assert launch is not None
    lines = [candidate.body(text) for text in job.texts]
    bodies = write_lines(lines, job.folder / "bodies")
    probe = answers(candidate.path, lines[0].encode(), candidate.kind)
    environment = {"PYTHONPATH": "", **launch.environment}
    try:
        with running(launch.command, probe, environment, launch.folder) as server:
            url = server.url(candidate.path)
            one.ready_s.append(server.ready_s)
            one.idle_mb.append(server.memory_mb())
            if not one.best:
                asked = zip(lines[:COMPARED], job.texts[:COMPARED], strict=True)
                one.best = [
                    candidate.best(_ask(server, candidate, line), text, bundle)
                    for line, text in asked
                ]
            closed_loop.load(url, bodies, 8, 2, candidate.kind)
            for clients in job.clients:
                settle(server)
                with watched(server) as shares:
                    sample = closed_loop.load(url, bodies, clients, job.seconds, candidate.kind)
                one.samples.setdefault(clients, []).append(sample)
                one.shares += shares
            one.loaded_mb.append(server.memory_mb())
    except ServerError as error:
        one.reason = f"does not run: {error}"
    except OSError as error:
        one.reason = f"does not run: {type(error).__name__}"


def _ask(server: Running, candidate: Candidate, line: str):  # type: ignore[no-untyped-def]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", candidate.path, line.encode(), {"Content-Type": candidate.kind})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.status != 200:
        raise ServerError(f"answers {answer.status} to a text")
    return json.loads(data)


def _markdown(found: Sequence[Measured], args: argparse.Namespace) -> str:
    ours = next((one.best for one in found if one.candidate.name == "critech"), [])
    header = ["server", "version", "an answer is"]
    for clients in args.clients:
        header += [f"requests/s, {clients} clients", "p50, ms", "p99, ms"]
    header += ["failed", "memory, MB: idle", "loaded", "start, s", "same best label"]
    rows = [_row(one, args.clients, ours) for one in found if not one.reason]
    notes = [
        f"{args.rounds} rounds, servers in turn, {args.seconds:g} s a level; medians of these. "
        "wrk is on the same machine.",
        "Memory is the proportional set size of all processes of a server; start is from "
        "the first process to the first answered text.",
        f"Same best label: of {COMPARED} texts, those whose best of the 20 critical technologies "
        "is critech's; for vectors the heads' dense part was applied to them here.",
        *disturbance([share for one in found for share in one.shares]),
        *(f"**{one.candidate.name}** {one.version}: {one.reason}" for one in found if one.reason),
    ]
    command = "python benchmarks/servers.py " + " ".join(sys.argv[1:])
    parts = [f"Machine: {machine()}.", f"Command: `{command}`", table(header, rows)]
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes)])


def _row(one: Measured, clients: Sequence[int], ours: Sequence[str]) -> list[object]:
    row: list[object] = [one.candidate.name, one.version, one.candidate.does]
    for level in clients:
        samples = one.samples[level]
        row.append(f"{statistics.median(s.per_second for s in samples):.1f}")
        timed = [s for s in samples if s.good]  # none was answered in time: no times
        row.append(f"{statistics.median(s.p50_ms for s in timed):.0f}" if timed else "-")
        row.append(f"{statistics.median(s.p99_ms for s in timed):.0f}" if timed else "-")
    every = [sample for samples in one.samples.values() for sample in samples]
    same = sum(a == b for a, b in zip(one.best, ours, strict=False))
    return [
        *row,
        sum(sample.failed + sample.refused for sample in every),
        f"{statistics.median(one.idle_mb):.0f}",
        f"{statistics.median(one.loaded_mb):.0f}",
        f"{statistics.median(one.ready_s):.1f}",
        f"{same} of {COMPARED}" if ours else "",
    ]


def _as_dict(one: Measured) -> dict[str, object]:
    samples = {str(n): [vars(s) for s in group] for n, group in one.samples.items()}
    return {
        "name": one.candidate.name,
        "version": one.version,
        "reason": one.reason,
        "ready_s": one.ready_s,
        "idle_mb": one.idle_mb,
        "loaded_mb": one.loaded_mb,
        "samples": samples,
    }


def _say(message: str) -> None:
    print(f"servers.py: {message} ...", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--venvs", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="servers whose name has this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--clients", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--quick", action="store_true", help="1 round of 3 s: to try it out")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the section of the docs")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 3
    return args


if __name__ == "__main__":
    sys.exit(main())
