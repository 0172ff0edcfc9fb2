"""``critech batch``: document dumps in, one file of rows out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from critech import __version__
from critech.batch.budget import Budget
from critech.batch.columns import Titles, give_memory_back, titles_of
from critech.batch.counting import Counting
from critech.batch.disk import Disk
from critech.batch.errors import (
    GO_ON,
    EngineError,
    StorageError,
    TooManyErrorsError,
    WorkerError,
)
from critech.batch.fast import certificate_facts, certificate_lines, first_of, load_certificate
from critech.batch.formats import Layout, format_of, output_format
from critech.batch.progress import Progress, duration, progress_for
from critech.batch.reading import FieldMapping, Plan, plan, read
from critech.batch.report import html_report
from critech.batch.rows import RowOptions, check_options
from critech.batch.run import Job, Run
from critech.batch.stopping import stop_on_signals
from critech.batch.summary import summary
from critech.batch.workers import ProcessWorkers, ThreadWorkers, Workers
from critech.cascade.certificate import Certificate
from critech.classifier import Classifier
from critech.commands.batch_arguments import MEMORY_MB, SHARD_ROWS, batch_parser
from critech.commands.batch_engine import check_engine, run_engine
from critech.commands.batch_outputs import (
    check_files,
    check_names,
    quarantine_of,
    quarantine_setting,
)

EXIT_DONE, EXIT_REJECTED, EXIT_TOO_MANY, EXIT_MACHINE, EXIT_SIGNAL = 0, 4, 5, 6, 128


def run(argv: Sequence[str]) -> int:
    """Parse the arguments, show what will be read, run, and tell how it went."""
    args = batch_parser().parse_args(argv)
    check_names(args)
    check_engine(args)
    args.mapping = FieldMapping.parse(args.field)
    try:
        if args.engine == "local":
            return _run_here(args)
        args.layout = args.layout or "nested"
        return run_engine(args, _options(args, args.layout))
    except TooManyErrorsError as error:
        return _fail(str(error), EXIT_TOO_MANY)
    except (StorageError, WorkerError, EngineError) as error:
        return _fail(str(error), EXIT_MACHINE)


def _run_here(args: argparse.Namespace) -> int:
    for name in ("output", "bundle", "quarantine", "report"):
        given = getattr(args, name)
        setattr(args, name, None if given is None else Path(given))
    args.format = args.format or format_of(args.output)
    args.layout = args.layout or ("flat" if args.format == "csv" else "nested")
    if args.format == "parquet":
        give_memory_back()
    planned = plan(**_source(args))
    check_files(args, planned)
    if not args.quiet:
        print(planned, file=sys.stderr)
    with Classifier.load(args.bundle, threads=1) as classifier:
        return _classify(args, planned, classifier)


def _classify(args: argparse.Namespace, planned: Plan, classifier: Classifier) -> int:
    options = _options(args, args.layout)
    check_options(classifier, options)
    fast = None if args.fast is None else load_certificate(classifier, args.fast, options)
    if fast is not None and not args.quiet:
        print(*certificate_lines(fast, options.taxonomies), sep="\n", file=sys.stderr)
    settings = _settings(args, planned, options, classifier)
    settings["fast"] = None if fast is None else fast.digest
    job = _job(args, settings, classifier)
    countable = not args.quiet and not any("://" in name or name == "-" for name in args.inputs)
    with (
        Counting(lambda: read(**_source(args))) if countable else nullcontext() as counting,
        closing(_workers(args, classifier, options, fast)) as workers,
        stop_on_signals() as stop,
    ):
        total = (lambda: None) if counting is None else counting.total
        with progress_for(args.quiet, args.no_progress, total) as progress:
            one = Run(job, workers, progress, stop)
            items = read(**_source(args), tell=lambda found: progress.say(str(found)))
            complete = one.to_end(items)
    if stop.signal is not None and not complete:
        message = f"stopped after {one.tally.records} records; {GO_ON}"
        return _fail(message, EXIT_SIGNAL + stop.signal)
    _tell(args, one, progress, titles_of(classifier.bundle.taxonomies), fast)
    return EXIT_REJECTED if one.tally.n_rejected else EXIT_DONE


def _source(args: argparse.Namespace) -> dict[str, Any]:
    """Return what is read, as ``plan`` and ``read`` take it."""
    return {
        "inputs": args.inputs,
        "mapping": args.mapping,
        "stdin": sys.stdin.buffer,
        "format": args.format_in,
        "encoding": args.encoding,
    }


def _options(args: argparse.Namespace, layout: Layout) -> RowOptions:
    top_k = args.top_k
    if top_k is None:
        top_k = 0 if layout == "flat" else 5
    taxonomies = tuple(args.taxonomy) if args.taxonomy else None
    return RowOptions(taxonomies, top_k or None, args.min_score, args.screen)


def _settings(
    args: argparse.Namespace, planned: Plan, options: RowOptions, classifier: Classifier
) -> dict[str, Any]:
    """Return all that the output depends on beside the content of the input."""
    return {
        "bundle": classifier.model.digest,
        "critech": __version__,
        "onnxruntime": version("onnxruntime"),
        "inputs": [source.name for source in planned.sources],
        "field": sorted(args.field),
        "format-in": args.format_in,
        "encoding": args.encoding,
        "quarantine": quarantine_setting(args),
        "format": args.format,
        "layout": args.layout,
        "taxonomy": None if options.taxonomies is None else list(options.taxonomies),
        "top-k": options.top_k,
        "min-score": options.min_score,
        "screen": options.screen,
    }


def _job(args: argparse.Namespace, settings: Mapping[str, Any], classifier: Classifier) -> Job:
    titles = titles_of(classifier.bundle.taxonomies)
    return Job(
        out=args.output,
        form=output_format(args.format, args.layout, titles),
        settings=settings,
        quarantine=quarantine_of(args),
        keep_quarantine=args.quarantine is not None,
        budget=Budget.of(args.memory or MEMORY_MB),
        shard_rows=args.shard_rows or SHARD_ROWS,
        max_errors=args.max_errors,
        restart=args.restart,
    )


def _workers(
    args: argparse.Namespace,
    classifier: Classifier,
    options: RowOptions,
    fast: Certificate | None,
) -> Workers:
    # made for processes, too, each of which makes its own: what is wrong with it is told here
    first = None if fast is None else first_of(classifier.on(map), fast, options)
    if args.processes:
        digest = classifier.model.digest
        return ProcessWorkers(args.bundle, digest, options, args.processes, fast)
    return ThreadWorkers(classifier, options, args.threads or os.cpu_count() or 1, first)


def _tell(
    args: argparse.Namespace,
    one: Run,
    progress: Progress,
    titles: Titles,
    fast: Certificate | None,
) -> None:
    """Print the summary and write the report, with what the certificate says in both."""
    seconds = progress.rate.elapsed()
    done_now = one.tally.records - progress.rate.before
    if not args.quiet:
        certified = () if fast is None else certificate_lines(fast, args.taxonomy)
        lines = [summary(one.tally, titles, seconds, done_now), *certified]
        lines.append(f"written: {args.output}")
        if one.tally.n_rejected:
            is_there = one.job.quarantine.exists()
            gone = "" if is_there else ", which is gone; --restart makes it again"
            lines.append(f"rejected: {one.job.quarantine}{gone}")
        print(*lines, sep="\n", file=sys.stderr)
    if args.report is not None:
        facts = [
            ("output", str(args.output)),
            ("this run", f"{done_now} records in {duration(seconds)}"),
            *(() if fast is None else certificate_facts(fast, args.taxonomy)),
        ]
        page = html_report(one.tally, titles, one.job.settings, facts)
        with Disk().create(args.report) as file:
            file.write(page.encode("utf-8", "replace"))


def _fail(message: str, code: int) -> int:
    print(f"critech: {message}", file=sys.stderr)
    return code
