"""``critech batch --engine`` without an engine: options, errors and exit codes. The runs on real
ones are in ``engines/``."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from critech.batch.engines.job import Summary
from critech.batch.engines.parts import JOB, REJECTED
from critech.batch.reading import FieldMapping
from critech.batch.rows import RowOptions
from critech.cli import main

TEXT = "A torpedo tube with a slide valve."
ENGINES = ("ray", "spark")


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with an input and a folder of inputs."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for path in (Path("in.jsonl"), Path("in/a.jsonl")):
        path.write_text(json.dumps({"id": "1", "text": TEXT}) + "\n")


class Recorder:
    """Takes the place of an engine's ``run``: keeps what it was given, and ends as told."""

    def __init__(self, ends: Any) -> None:
        self.ends = ends
        self.given: tuple[Any, ...] = ()
        self.more: dict[str, Any] = {}

    def __call__(self, *given: Any, **more: Any) -> Summary:
        self.given, self.more = given, more
        if isinstance(self.ends, BaseException):
            raise self.ends
        return self.ends  # type: ignore[no-any-return]


def recorded(engine: str, monkeypatch: pytest.MonkeyPatch, ends: Any) -> Recorder:
    recorder = Recorder(ends)
    module = importlib.import_module(f"critech.batch.engines.{engine}_engine")
    monkeypatch.setattr(module, "run", recorder)
    return recorder


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("-o out --processes 2", "--processes"),
        ("-o out --fast in", "--fast"),
        ("-o out --memory 256", "--memory"),
        ("-o out --max-errors 0", "--max-errors"),
        ("-o out --quarantine q", "--quarantine"),
        ("-o out --report r.html", "--report"),
        ("-o out --restart", "--restart"),
        ("-o out --format-in csv", "--format-in"),
        ("-o out --encoding latin-1", "--encoding"),
        ("-o out --no-progress", "--no-progress"),
        ("-o out --format jsonl", "--format jsonl"),
        ("-o out.csv", "--output *.csv"),
        ("-o out", "standard input"),
    ],
)
def test_options_that_do_not_go_with_an_engine_are_named(
    engine: str, more: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = "-" if named == "standard input" else "in.jsonl"
    assert main(["batch", given, *more.split(), "--engine", engine]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"critech: {named}: does not go with --engine {engine}: ")
    assert err.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("in.jsonl -o out.jsonl --workers 2", "--workers: goes with --engine ray only"),
        ("in.jsonl -o out --engine spark --workers 2", "--workers: goes with --engine ray only"),
        ("in.jsonl -o out.jsonl --partitions 2", "--partitions: goes with --engine spark only"),
        (
            "in.jsonl -o out --engine ray --partitions 2",
            "--partitions: goes with --engine spark only",
        ),
        (
            "in.jsonl -o in.jsonl --engine ray --format parquet",
            "--output: is a file; --engine ray fills",
        ),
        ("in -o in --engine ray", "--output: is one of the inputs"),
        ("in -o in/out --engine spark", "--output: is one of the inputs"),
        ("**/*.json in.jsonl -o out --engine spark", "--output: is one of the inputs"),
        ("in/a.jsonl -o in --engine spark", "--output: holds one of the inputs"),
    ],
)
def test_what_cannot_be_done_exits_with_1(
    more: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", *more.split()]) == 1
    assert capsys.readouterr().err.startswith(f"critech: {named}")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_extra_is_named(
    engine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = {"ray": "ray", "spark": "pyspark"}[engine]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["batch", "in.jsonl", "-o", "out", "--quiet", "--engine", engine]) == 1
    err = capsys.readouterr().err
    assert err == f"critech: this needs the package {package}: pip install 'critech[{engine}]'\n"


def test_options_reach_ray(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = recorded("ray", monkeypatch, Summary(5, 0, 7))
    line = "--engine ray -o out --workers 3 --threads 2 --shard-rows 64 --layout flat --top-k 4"
    line += " --taxonomy us-ecra-14 --min-score 0.5 --screen --bundle b --field text=text"
    assert main(["batch", "in.jsonl", *line.split()]) == 0
    options = RowOptions(("us-ecra-14",), 4, 0.5, True)
    assert run.given == (["in.jsonl"], str(tmp_path / "out"), options)
    assert run.more == {
        "workers": 3,
        "threads": 2,
        "block_rows": 64,
        "layout": "flat",
        "bundle": str(tmp_path / "b"),
        "mapping": FieldMapping(text="text"),
    }
    said = capsys.readouterr()
    assert "in.jsonl: jsonl" in said.err
    assert ": 5 classified, 0 rejected; 7 finished before\nwritten: out\n" in said.err
    assert said.out == ""
    assert TEXT not in said.err


def test_addresses_and_options_reach_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    run = recorded("spark", monkeypatch, Summary(1, 0, 0))
    line = "-o memory://of-this-test/out --bundle s3://b/c --quiet --engine spark --partitions 3"
    assert main(["batch", "in.jsonl", *line.split()]) == 0
    assert run.given == (["in.jsonl"], "memory://of-this-test/out", RowOptions())
    assert run.more == {"partitions": 3, "layout": "nested", "bundle": "s3://b/c"}


def test_rejected_records_of_an_earlier_run_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded("ray", monkeypatch, Summary(0, 0, 2))
    (Path("out") / REJECTED).mkdir(parents=True)
    (Path("out") / REJECTED / "part-0.parquet").touch()
    assert main(["batch", "in.jsonl", "-o", "out", "--engine", "ray"]) == 4
    assert f"rejected: out/{REJECTED}\n" in capsys.readouterr().err


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("error", [ConnectionError(TEXT), RuntimeError(TEXT)])
def test_an_engine_that_fails_exits_with_6(
    engine: str,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorded(engine, monkeypatch, error)
    assert main(["batch", "in.jsonl", "-o", "out", "--quiet", "--engine", engine]) == 6
    assert capsys.readouterr().err == (
        f"critech: the run on {engine.title()} failed ({type(error).__name__}): its log says why; "
        "run the same command again to go on\n"
    )


@pytest.mark.parametrize(("code", "ends"), [(15, 143), (3, None)])
def test_the_signal_that_ray_makes_an_exit_of(
    code: int,
    ends: int | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorded("ray", monkeypatch, SystemExit(code))
    line = ["batch", "in.jsonl", "-o", "out", "--quiet", "--engine", "ray"]
    if ends is None:
        with pytest.raises(SystemExit):
            main(line)
        return
    assert main(line) == ends
    assert "stopped; run the same command again" in capsys.readouterr().err
    assert not (Path("out") / JOB).exists()
