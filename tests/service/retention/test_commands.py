"""Zero retention on the command line: canaries through every command that reads texts, rightly and
wrongly; then a look at standard error and at every file."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from canary import Search
from command_cases import CANARY, CASES, FILES, LABEL, TEXT, Case
from server_process import prepared

from critech.cli import COMMANDS, main
from critech.commands.arguments import Parser

SLOW = ("train", "distil", "cross-validate")  # to import, so these run in the tester's process
BATCH = ("made.csv", "made.csv.quarantine.jsonl")
JOURNAL = ("made.csv.critech/journal.jsonl", "made.csv.critech/lock")
MADE = ("kept.jsonl", "made.key", "made.pub", *BATCH, *JOURNAL)
LOCK = "out/.lock"


class _FoundError(Exception):
    pass


def parsers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command with its parser, sub-commands by themselves."""

    def parse_args(self: argparse.ArgumentParser, *_: object) -> None:
        raise _FoundError(self)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    for name, (module, _) in COMMANDS.items():
        with pytest.raises(_FoundError) as found:
            importlib.import_module(module).run([])
        yield from leaves(name, found.value.args[0])


def leaves(
    name: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not below:
        yield name, parser
    for action in below:
        for word, inner in action.choices.items():
            yield from leaves(f"{name} {word}", inner)


def test_every_command_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    found = dict(parsers(monkeypatch))
    assert set(found) == set(CASES)
    for name, parser in found.items():
        assert isinstance(parser, Parser), f"{name} would repeat a wrong value"


@dataclass(frozen=True)
class Ran:
    """The cases that ran, what they said, and where."""

    cases: list[tuple[str, Case]]
    results: list[dict[str, object]]
    base: Path
    said: bytes


def write_files(folder: Path) -> None:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    base = tmp_path_factory.mktemp("commands")
    env = prepared(base)
    work = base / "space" / "work"
    write_files(work)
    cases = [
        (name, one) for name, found in CASES.items() if name not in SLOW for one in found or ()
    ]
    listed = [{"argv": [*name.split(), *one.argv], "stdin": one.stdin} for name, one in cases]
    (base / "cases.json").write_text(json.dumps(listed), encoding="utf-8")
    runner = str(Path(__file__).with_name("run_commands.py"))
    done = subprocess.run(
        [sys.executable, runner, str(base / "cases.json")],
        cwd=work, env=env, capture_output=True, check=False,
    )  # fmt: skip
    (base / "cases.json").unlink()
    assert done.returncode == 0, done.stderr.decode()
    return Ran(cases, json.loads(done.stdout), base, done.stderr)


def test_commands_end_as_they_should(ran: Ran) -> None:
    wrong = [
        (name, one.argv[:2], result["code"], result["err"])
        for (name, one), result in zip(ran.cases, ran.results, strict=True)
        if result["code"] != one.code or "Traceback" in str(result["err"])
    ]
    assert wrong == []


def test_errors_hold_no_word(ran: Ran) -> None:
    search = Search([CANARY])
    leaks = [
        (name, one.argv[:1], found)
        for (name, one), result in zip(ran.cases, ran.results, strict=True)
        if (found := search.found(str(result["err"]).encode()))
    ]
    assert leaks == []
    assert search.found(ran.said) == []


def test_output_holds_words_only_where_it_is_meant_to(ran: Ran) -> None:
    search = Search([CANARY])
    shown = {
        (name, index): bool(search.found(str(result["out"]).encode()))
        for index, ((name, _), result) in enumerate(zip(ran.cases, ran.results, strict=True))
    }
    meant = {(name, index): one.shows for index, (name, one) in enumerate(ran.cases)}
    assert shown == meant


def test_files_are_the_operators_and_hold_no_word(ran: Ran) -> None:
    space = ran.base / "space"
    made = {
        str(path.relative_to(space)): path.read_bytes()
        for path in space.rglob("*")
        if path.is_file() and str(path.relative_to(space / "work")) not in FILES
        if path.is_relative_to(space / "work")
    }
    others = [path for path in space.rglob("*") if path.is_file() and "work" not in path.parts]
    assert others == []
    assert set(made) == {f"work/{name}" for name in (*MADE, LOCK)}
    assert Search([CANARY]).found(*made.values()) == []
    assert LABEL.encode() in made["work/kept.jsonl"]


def test_nothing_is_written_elsewhere_and_nobody_is_called(ran: Ran) -> None:
    lines = [line.partition("\t") for line in (ran.base / "notes").read_text().splitlines()]
    written = {what for kind, _, what in lines if kind == "write"}
    unpacked = {what for what in written if what.startswith("out/.staging-")}  # and removed again
    assert unpacked
    parts = {f"{what}.part" for what in (*BATCH, *JOURNAL)}
    work = "made.csv.critech/"  # shards and parts, removed again
    unpacked |= {what for what in written if what in parts or what.startswith(f"{work}shards")}
    unpacked |= {work.rstrip("/"), f"{work}output.part"}
    renamed = set(BATCH)  # never open under its own name
    assert written - unpacked - {"/dev/null", "out"} == {*MADE, LOCK} - renamed
    assert [what for kind, _, what in lines if kind == "call"] == []


@pytest.mark.parametrize("name", SLOW)
def test_training_on_texts_of_ones_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for one in CASES[name] or ():
        try:
            code = main([name, *one.argv])
        except SystemExit as end:
            code = int(end.code or 0)
        said = capfd.readouterr()
        assert code == one.code
        assert said.err.count("\n") >= 1
        assert Search([CANARY]).found(said.out.encode(), said.err.encode()) == []
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == set(FILES)


def test_text_is_kept_when_the_operator_says_so(tmp_path: Path) -> None:
    """The one way to keep a text is asked for by name; and the search finds it there."""
    env = prepared(tmp_path)
    command = [
        sys.executable, "-m", "critech.cli", "feedback", "add", "kept.jsonl", "--id", "A-1",
        "--label", LABEL, "--right", "--reviewer", "r.1", "--with-text", "-",
    ]  # fmt: skip
    work = tmp_path / "space" / "work"
    subprocess.run(command, input=TEXT.encode(), cwd=work, env=env, check=True)
    assert Search([CANARY]).found((work / "kept.jsonl").read_bytes())
    assert (work / "kept.jsonl").stat().st_mode & 0o777 == 0o600
