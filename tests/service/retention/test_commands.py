"""Zero retention on the command line: canaries through every command that reads texts, rightly and
wrongly; then a look at standard error and at every file.

``CASES`` has an entry for each command there is, found by walking the parsers: a new command
without one fails here. ``None`` stands for a command that reads no text of anybody's.
"""

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
from canary import Canary, Search
from server_process import prepared

from critech.cli import COMMANDS, main
from critech.commands.arguments import Parser

CANARY = Canary("text")
TEXT, WORD = CANARY.text, CANARY.word
LABEL = "jp-secret-patent-25:10"
FILING = {"id": TEXT, "title": TEXT, "abstract": TEXT, "claims": TEXT, "ipc": [WORD]}
GOLD = {"id": "g", "text": TEXT, "labels": {}}
RECORD = {"id": "r", "language": "en", "text": TEXT, "labels": {}}
FILES = {
    "text.txt": TEXT.encode(),
    "latin.txt": TEXT.encode("utf-16"),
    "filings.jsonl": json.dumps(FILING).encode(),
    "cut.jsonl": json.dumps(FILING).encode()[:-3],
    "odd.jsonl": json.dumps({**FILING, WORD: TEXT, "language": TEXT}).encode(),
    "gold-odd.jsonl": json.dumps({**GOLD, "labels": {TEXT: 1}}).encode(),
    "gold-cut.jsonl": json.dumps(GOLD).encode()[:-2],
    "corpus-odd/a.jsonl": json.dumps({**RECORD, WORD: TEXT}).encode(),
    "corpus-language/a.jsonl": json.dumps({**RECORD, "language": TEXT}).encode(),
    "corpus-label/a.jsonl": json.dumps({**RECORD, "labels": {TEXT: 2}}).encode(),
    "corpus-cut/a.jsonl": json.dumps(RECORD).encode()[:-2],
    "audit-odd.jsonl": json.dumps(FILING).encode() + b"\n",
    "corrections-odd.jsonl": json.dumps({"format": 1, "text": TEXT}).encode() + b"\n",
    "keys-odd.json": json.dumps({WORD: TEXT}).encode(),
    "secret": b"s" * 32,
}


@dataclass(frozen=True)
class Case:
    """A command line; ``shows`` says that its output quotes the text to whoever asked."""

    argv: tuple[str, ...]
    code: int
    stdin: str = ""
    shows: bool = False


def case(line: str, code: int = 1, stdin: str = "", shows: bool = False) -> Case:
    """Return a case from a line in which TEXT and WORD stand for the canary."""
    named = {"TEXT": TEXT, "WORD": WORD}
    return Case(tuple(named.get(part, part) for part in line.split()), code, stdin, shows)


CORPORA = ("odd", "language", "label", "cut")
CASES: dict[str, list[Case] | None] = {
    "classify": [
        case("TEXT --title TEXT --ipc WORD", 0, shows=True),  # the symbol that cannot be read
        case("- --json --explain", 0, TEXT, shows=True),
        case("--file text.txt", 0),
        case("--file latin.txt"),
        case("TEXT --taxonomy WORD"),
        case("TEXT TEXT", 2),
        case("TEXT --as-of WORD", 2),
        case("TEXT --top-k WORD", 2),
        case("TEXT --min-score WORD", 2),
        case("TEXT --language WORD", 2),
        case("TEXT --bundle text.txt", 3),
    ],
    "screen": [
        case("--file filings.jsonl", 0, shows=True),
        case("--file - --json --no-explain", 0, json.dumps(FILING), shows=True),  # the id
        case("--title TEXT --abstract TEXT --ipc WORD --no-explain", 0),
        case("--file cut.jsonl"),
        case("--file odd.jsonl"),
        case("--file latin.txt"),
        case("--file text.txt"),
        case("--title TEXT", 2),
        case("--title TEXT --abstract TEXT --defence-use WORD", 2),
        case("--title TEXT --abstract TEXT --filing-date TEXT", 2),
    ],
    "feedback add": [
        case(f"kept.jsonl --id A-1 --label {LABEL} --wrong --reviewer r.1 --title TEXT"),
        case(f"kept.jsonl --id A-1 --label {LABEL} --wrong --reviewer TEXT"),
        case("kept.jsonl --id A-1 --label TEXT --wrong --reviewer r.1"),
        case(f"kept.jsonl --hmac TEXT --label {LABEL} --wrong --reviewer r.1"),
        case(f"kept.jsonl --id A-1 --label {LABEL} --wrong --reviewer r.1 --with-text latin.txt"),
        case(f"kept.jsonl --id A-1 --label {LABEL} --wrong --reviewer r.1", 0),
    ],
    "feedback check": [case("corrections-odd.jsonl"), case("text.txt")],
    "audit verify": [case("audit-odd.jsonl"), case("audit-odd.jsonl --head TEXT", 2)],
    "audit override": [
        case("audit-odd.jsonl --record 1 --verdict TEXT --reason-code WORD --reviewer WORD"),
        case("audit-odd.jsonl --record TEXT --verdict x --reason-code x --reviewer x", 2),
    ],
    "audit hmac": [
        case("--file filings.jsonl --hmac-file secret", 0),
        case("--file cut.jsonl --hmac-file secret"),
        case("--file odd.jsonl --hmac-file secret"),
    ],
    "keys create": [case("--name ok --scope TEXT --file keys.json", 2)],
    "keys list": [case("--file keys-odd.json")],
    "keys revoke": [case("TEXT --file keys-odd.json"), case("TEXT --file none.json")],
    "labels ipc": [case("WORD", 0, shows=True), case("F02K --date TEXT", 2)],
    "evaluate": [case("--gold gold-odd.jsonl"), case("--gold gold-cut.jsonl")],
    "certify": [case("--gold gold-odd.jsonl"), case("--gold gold-cut.jsonl")],
    "corpus": [case(f"--corpus corpus-{name}") for name in CORPORA],
    "train": [case("--corpus corpus-odd --out out"), case("--epochs WORD", 2)],
    "cross-validate": [case("--corpus corpus-language"), case("--by WORD", 2)],
    "serve": [case("--host WORD"), case("--port WORD", 2), case("--uds-mode WORD")],
    # label ids, dates and editions alone
    "labels list": None,
    "labels show": None,
    "labels check": None,
    "labels export": None,
    "labels diff": None,
    "labels crosswalk": None,
}
SLOW = ("train", "cross-validate")  # to import, so these run in the tester's process
MADE = ("kept.jsonl", "audit-odd.jsonl.head")


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
    assert set(made) == {f"work/{name}" for name in MADE}
    assert Search([CANARY]).found(*made.values()) == []
    assert LABEL.encode() in made["work/kept.jsonl"]


def test_nothing_is_written_elsewhere_and_nobody_is_called(ran: Ran) -> None:
    lines = [line.partition("\t") for line in (ran.base / "notes").read_text().splitlines()]
    written = {what for kind, _, what in lines if kind == "write"}
    assert written - {"/dev/null"} == set(MADE)
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
