"""Speed and memory of ``critech batch``, side by side in one run.

    python benchmarks/batch.py [--texts FILE] [--documents N] [--rounds R] [--quick]
                               [--skip-memory] [--skip-others] [--venvs DIR] [--fast FILE]
                               [--blocks]

Documents per second of (a) the classifier in process, (b) ``critech batch`` on threads, (c) on
processes, each with its start and its output, (d) sentence-transformers with scikit-learn
heads, written straightforwardly, with ``--venvs`` (e) ``annif index`` for one of the four lists, by
TF-IDF and by its ensemble, in an environment of its own below DIR, and with ``--fast``, a
certificate, (f) two tiers for each list that it has a cut-off for, which shows what they would
take, and not that the certificate holds for these texts. Rounds alternate between them, so that
a noisy machine disturbs all alike; the best round of each counts. Then peak memory over 10,000 and
over 1,000,000 synthetic rows, with scores that are made up in place of the encoder's. FILE holds
JSON lines with ``text``, plain or gzipped, repeated to N documents; by default the training corpus
serves. Texts are told apart by a number, so that none is a repeated one. ``--quick`` shows that all
of it works.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from critech import Classifier, Document
from critech.batch.budget import Budget
from critech.batch.pipeline import Pipeline
from critech.batch.records import Position, Record
from critech.batch.rows import RowOptions
from critech.batch.workers import ProcessWorkers, ThreadWorkers
from critech.cascade.certificate import Certificate
from critech.encoder import Run
from critech.passages import Passage
from critech.scorer import Scored
from critech.text import Language
from throughput import sentence_transformer

BLOCK = 512
BLOCK_ROWS = 32
MB = 1 << 20


def documents(path: Path | None, n: int) -> list[dict[str, str]]:
    """Return n documents with id, title and text, no text twice."""
    rows = list(cycle_rows(path))
    return [
        {"id": str(i), "title": row.get("title") or "", "text": f"{row['text']} ({i})"}
        for i, row in enumerate(islice(cycle(rows), n))
    ]


def cycle_rows(path: Path | None) -> Iterator[dict[str, str]]:
    """Yield the rows of a file, or of the training corpus."""
    if path is None:
        from critech_training.corpus import default_corpus_dir

        files = sorted(default_corpus_dir().glob("*.jsonl"))
    else:
        files = [path]
    for file in files:
        data = file.read_bytes()
        text = gzip.decompress(data) if file.suffix == ".gz" else data
        yield from (json.loads(line) for line in text.decode().splitlines())


def batch_command(given: Path, folder: Path, *more: str) -> None:
    """Run ``critech batch`` as a user would."""
    out = folder / "out.jsonl"
    command = [sys.executable, "-m", "critech.cli", "batch", str(given), "-o", str(out)]
    subprocess.run([*command, "--restart", "--quiet", *more], check=True)


def in_process(classifier: Classifier, rows: Sequence[dict[str, str]]) -> None:
    """Classify block by block, and keep nothing."""
    for start in range(0, len(rows), BLOCK):
        classifier.classify(
            [Document(r["text"], r["id"], r["title"]) for r in rows[start : start + BLOCK]]
        )


def straightforward(rows: Sequence[dict[str, str]], out: Path) -> Callable[[], None] | None:
    """Return a script of the usual kind: encode, predict, write; None without the extra."""
    with Classifier.load(threads=1) as classifier:
        model = sentence_transformer(classifier)
        n_labels = len(classifier.bundle.labels)
    if model is None:
        return None
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    generator = np.random.default_rng(7)
    vectors = generator.normal(size=(400, 384))
    labels = generator.random((400, n_labels)) < 0.1
    heads = OneVsRestClassifier(LogisticRegression()).fit(vectors, labels)

    def run() -> None:
        texts = [f"{row['title']}\n{row['text']}" for row in rows]
        scores = heads.predict_proba(model.encode(texts, batch_size=32, show_progress_bar=False))  # type: ignore[attr-defined]
        with out.open("w") as file:
            for row, found in zip(rows, scores, strict=True):
                file.write(json.dumps({"id": row["id"], "scores": found.round(6).tolist()}) + "\n")

    return run


def certified(path: Path) -> list[str]:
    """Return the taxonomies that a certificate of ``critech certify-fast`` has a cut-off for."""
    found = Certificate.from_dict(json.loads(path.read_text()))
    return [entry.taxonomy for entry in found.entries if entry.cutoff is not None]


def annif_index(
    venvs: Path, classifier: Classifier, given: Path, single: Path, folder: Path
) -> dict[str, Callable[[], None]]:
    """Return runs of ``annif index`` over a file by project, those that can do a single text; where
    one cannot, or Annif cannot be installed or trained, the reason is printed."""
    # here, since they bring much that runs of memory are not to hold
    from others.environments import ANNIF, InstallError
    from others.models import ModelError, Models

    try:
        programs = ANNIF.made(venvs)
        place, environment = Models(classifier.bundle, folder).annif(programs)
    except (InstallError, ModelError) as error:
        print(f"annif index: not measured: {error}\n")
        return {}

    def run(project: str, file: Path) -> None:
        command = [str(programs / "annif"), "index", project, str(file), "--force"]
        own = {**os.environ, **environment, "PYTHONPATH": ""}
        output = ["--output", str(folder / f"{project}.jsonl")]
        subprocess.run(
            [*command, *output], check=True, cwd=place, env=own, capture_output=True, text=True
        )

    version, found = ANNIF.version(programs), {}
    for project, name in (("tfidf", "TF-IDF"), ("ensemble", "ensemble of TF-IDF and MLLM")):
        try:
            run(project, single)
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines() or ["no message"]
            print(f"annif index, {name}: not measured: {lines[-1][:200]}\n")
        else:
            found[f"annif index {version}, {name}, 1 list"] = partial(run, project, given)
    return found


def speed(args: argparse.Namespace, folder: Path) -> None:
    """Measure and print documents per second."""
    rows = documents(args.texts, args.documents)
    given, single = write(rows, folder / "in.jsonl"), write(rows[:1], folder / "single.jsonl")
    lanes = str(args.threads)
    classifier = Classifier.load(threads=args.threads)
    kinds = {f"critech batch {kind} {lanes}": kind for kind in ("--threads", "--processes")}
    arrangements: dict[str, Callable[[], None]] = {
        "classifier in process": lambda: in_process(classifier, rows)
    }
    starts: dict[str, Callable[[], None]] = {}
    for name, kind in kinds.items():
        arrangements[name] = partial(batch_command, given, folder, kind, lanes)
        starts[name] = partial(batch_command, single, folder, kind, lanes)
    for taxonomy in [] if args.fast is None else certified(args.fast):
        name = f"critech batch --fast, {taxonomy}"
        more = ("--threads", lanes, "--taxonomy", taxonomy, "--fast", str(args.fast))
        arrangements[name] = partial(batch_command, given, folder, *more)
        starts[name] = partial(batch_command, single, folder, *more)
    usual = None if args.skip_others else straightforward(rows, folder / "usual.jsonl")
    if usual is not None:
        arrangements["sentence-transformers and scikit-learn, fp32"] = usual
    if args.venvs:
        arrangements.update(annif_index(args.venvs.resolve(), classifier, given, single, folder))
    in_process(classifier, rows[:BLOCK])
    best = dict.fromkeys(arrangements, float("inf"))
    start = dict.fromkeys(starts, float("inf"))
    for _ in range(args.rounds):
        for name, run in arrangements.items():
            best[name] = min(best[name], seconds(run))
            if name in starts:
                start[name] = min(start[name], seconds(starts[name]))
    classifier.close()
    print(f"{len(rows)} documents, {lanes} lanes, best of {args.rounds} rounds\n")
    print("| arrangement | documents/s | of the classifier | start s | without start |")
    print("| --- | ---: | ---: | ---: | ---: |")
    base = best["classifier in process"]
    for name, took in best.items():
        begun = start.get(name, 0.0)
        print(
            f"| {name} | {len(rows) / took:.1f} | {base / took:.3f} | {begun:.1f} | "
            f"{base / max(took - begun, 1e-9):.3f} |"
        )


def write(rows: Sequence[dict[str, str]], path: Path) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def seconds(run: Callable[[], None]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def blocks(args: argparse.Namespace) -> None:
    """Compare threads and processes without their starts, in short blocks that alternate, so that
    other work on the machine meets all alike; the median of the ratios counts."""
    rows = documents(args.texts, args.rounds * BLOCK_ROWS)
    records = [
        Record(Position("in", i), row["text"], row["id"], row["title"])
        for i, row in enumerate(rows)
    ]
    classifier = Classifier.load(threads=args.threads)
    digest, options = classifier.model.digest, RowOptions()
    workers = {
        "threads": ThreadWorkers(classifier, options, args.threads),
        "processes": ProcessWorkers(None, digest, options, args.threads),
    }
    ratios: dict[str, list[float]] = {name: [] for name in workers}
    for block in range(args.rounds):
        start = block * BLOCK_ROWS
        part = slice(start, start + BLOCK_ROWS)
        base = seconds(partial(in_process, classifier, rows[part]))
        for name, lanes in workers.items():
            run = partial(_drain, Pipeline(lanes, Budget.of(256)), records[part])
            took = seconds(run)
            if block:  # the first one starts the processes
                ratios[name].append(base / took)
    for lanes in workers.values():
        lanes.close()
    classifier.close()
    print(f"\nblocks of {BLOCK_ROWS} documents in turn, {args.rounds - 1} each\n")
    print("| lanes | of the classifier, median | quartiles |\n| --- | ---: | --- |")
    for name, found in ratios.items():
        low, middle, high = statistics.quantiles(found, n=4)
        print(f"| {name} | {middle:.3f} | {low:.3f} to {high:.3f} |")


def _drain(pipeline: Pipeline, records: Sequence[Record]) -> None:
    for _ in pipeline.outcomes(records):
        pass


class MadeUp(Classifier):
    """A classifier that reads no text: one of a few vectors goes through the heads, by length."""

    def __init__(self, classifier: Classifier) -> None:
        self.__dict__.update(vars(classifier))
        texts = [f"{'A drawer hinge with a damper. ' * i}" for i in range(1, 9)]
        self._found = [self.scorer.score(text, "en") for text in texts]

    def on(self, run: Run) -> MadeUp:
        """Return itself: there is no work to hand over."""
        return self

    def score_passages(
        self, passages: Sequence[Passage], languages: Sequence[Language | None]
    ) -> list[Scored]:
        """Return made-up scores."""
        return [
            dataclasses.replace(self._found[len(one.text()) % len(self._found)]) for one in passages
        ]


def one_memory_run(n_rows: int, name: str) -> None:
    """In a process of its own: run over so many rows, and print the peak in megabytes."""
    from critech.commands import batch as command

    load = Classifier.load
    command.Classifier.load = lambda *_, **__: MadeUp(load(threads=1))  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "in.jsonl"
        with given.open("w") as file:
            for i in range(n_rows):
                text = f"Device {i}: " + "a lever moves a valve in a duct, " * (10 + i % 30)
                file.write(json.dumps({"id": str(i), "text": text}) + "\n")
        out = str(Path(folder) / f"out.{name}")
        started = time.perf_counter()
        code = command.run([str(given), "-o", out, "--quiet", "--threads", "2"])
        took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
    print(json.dumps({"code": code, "peak_mb": peak, "rows_per_s": n_rows / took}))


def memory(sizes: Sequence[int]) -> None:
    """Measure and print peak memory at several sizes."""
    print("\n| rows, made-up scores | output | peak MB | rows/s |\n| ---: | --- | ---: | ---: |")
    for name in ("jsonl", "parquet"):
        for n_rows in sizes:
            program = [sys.executable, __file__, "--memory-run", str(n_rows), name]
            done = subprocess.run(program, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            assert found["code"] == 0
            print(f"| {n_rows} | {name} | {found['peak_mb']:.0f} | {found['rows_per_s']:.0f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--skip-others", action="store_true")
    parser.add_argument("--venvs", type=Path, metavar="DIR", help="measure annif index too")
    parser.add_argument("--fast", type=Path, metavar="FILE", help="measure two tiers too")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory-run", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--blocks", action="store_true", help="compare lanes without starts only")
    args = parser.parse_args()
    if args.blocks:
        args.rounds = max(args.rounds, 4)
        blocks(args)
        return
    if args.memory_run:
        one_memory_run(int(args.memory_run[0]), args.memory_run[1])
        return
    if args.quick:
        args.documents = min(args.documents, 60)
    with tempfile.TemporaryDirectory() as folder:
        speed(args, Path(folder))
    if not args.skip_memory:
        memory((500, 2_000) if args.quick else (10_000, 1_000_000))


if __name__ == "__main__":
    main()
