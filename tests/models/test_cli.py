import errno
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from critech import Classifier, __version__
from critech.cli import main
from critech.results import NOTICE

TEXT = "A scramjet engine comprises an isolator duct and a combustor with strut injectors."


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "critech.cli", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def test_help_takes_under_300_ms_of_cpu() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode == 0
    assert b"classify" in done.stdout
    assert used < 0.3
    imported = "import sys, critech.cli; critech_heavy = {'numpy', 'onnxruntime', 'yaml', 'rich'}"
    code = f"{imported}; sys.exit(len(critech_heavy & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"critech {__version__}\n"


def test_json_is_what_the_library_says(
    capsys: pytest.CaptureFixture[str], classifier: Classifier
) -> None:
    assert main(["classify", TEXT, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(classifier.classify([TEXT]).as_dict()))


def test_the_table_shows_both_titles_and_the_notice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", TEXT, "--taxonomy", "jp-secret-patent-25"]) == 0
    out = capsys.readouterr().out
    assert "Scramjet engines and the like" in out
    assert "スクラムジェットエンジン等に関する技術" in out
    assert NOTICE["en"][:40] in out
    assert "jp-critical-20" not in out


def test_standard_input_and_file(tmp_path: Path) -> None:
    from_stdin = run("classify", "-", "--json", stdin=TEXT.encode())
    file = tmp_path / "text.txt"
    file.write_text(TEXT, encoding="utf-8-sig")
    from_file = run("classify", "--file", str(file), "--json")
    assert from_stdin.returncode == from_file.returncode == 0
    assert json.loads(from_stdin.stdout) == json.loads(from_file.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["classify", " "], 1, "documents[0].text: is empty"),
        (["classify", "--file", "/no/such/file"], 1, "--file: cannot be read"),
        (["classify", TEXT, "--taxonomy", "x"], 1, "--taxonomy: unknown taxonomy; expected one of"),
        (["classify", TEXT, "--bundle", "/no/such/dir"], 3, "bundle manifest.json: cannot be read"),
        (["labels", "show", "jp-critical-20:77"], 1, "no label '77'"),
    ],
)
def test_exit_codes_and_messages(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify"],
        ["classify", TEXT, "--file", "f"],
        ["classify", TEXT, "--top-k", "-1"],
        ["classify", TEXT, "--min-score", "2"],
        ["classify", TEXT, "--no-such-option"],
        ["labels", "ipc", "F42B 15/01", "--date", "yesterday"],
        ["nonsense"],
    ],
)
def test_usage_errors_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


WHOLE = "must be a whole number of "
SHARE = "must be a number from 0 to 1"
HUGE = "9" * 5_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["classify", TEXT, "--top-k", "x"], f"--top-k: {WHOLE}0 or more"),
        (["classify", TEXT, "--top-k", HUGE], "--top-k: has more than 18 digits"),
        (["classify", TEXT, "--min-score", "x"], f"--min-score: {SHARE}"),
        (["classify", TEXT, "--min-score", "nan"], f"--min-score: {SHARE}"),
        (["batch", "in", "-o", "o", "--min-score", "x"], f"--min-score: {SHARE}"),
        (["batch", "in", "-o", "o", "--min-score", "1.1"], f"--min-score: {SHARE}"),
        (["batch", "in", "-o", "o", "--top-k", "x"], f"--top-k: {WHOLE}0 or more"),
        (["batch", "in", "-o", "o", "--threads", "x"], f"--threads: {WHOLE}1 or more"),
        (["batch", "in", "-o", "o", "--threads", HUGE], "--threads: has more than 18 digits"),
        (["batch", "in", "-o", "o", "--memory", "x"], f"--memory: {WHOLE}0 or more"),
        (["audit", "override", "log", "--record", "x"], f"--record: {WHOLE}1 or more"),
        (["certify", "--target-recall", "x"], "must be a number of at least 0.5 and below 1"),
        (["certify", "--budget", "x"], f"--budget: {WHOLE}0 or more"),
        (["evaluate", "--min-positives", "x"], f"--min-positives: {WHOLE}0 or more"),
        (["cross-validate", "--folds", "x"], f"--folds: {WHOLE}0 or more"),
        (["serve", "--port", "x"], f"--port: {WHOLE}0 or more"),
        (["serve", "--threads", "x"], f"--threads: {WHOLE}0 or more"),
        (["serve", "--workers", "x"], f"--workers: {WHOLE}0 or more"),
    ],
    ids=lambda part: " ".join(part)[:60] if isinstance(part, list) else "",
)
def test_what_is_no_number_is_told_what_is_expected(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"{said}\n")


def test_input_that_is_not_utf8() -> None:
    done = run("classify", "-", stdin=b"\xff\xfe text")
    assert done.returncode == 1
    assert done.stderr == b"critech: standard input: is not UTF-8 (byte 0)\n"


def test_labels_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "check"]) == 0
    assert "us-ecra-14 2018-11-19: 14 + 46 sub-items" in capsys.readouterr().out
    assert main(["labels", "list", "jp-secret-patent-25"]) == 0
    assert "22     Heavy water / 重水に関する技術" in capsys.readouterr().out
    assert main(["labels", "show", "jp-secret-patent-25:10"]) == 0
    assert "order item 23: {F02K7/14}" in capsys.readouterr().out
    assert main(["labels", "show", "us-ecra-14"]) == 0
    assert "83 FR 58201" in capsys.readouterr().out
    assert main(["labels", "export", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 156
    assert main(["labels", "export"]) == 0
    assert len(json.loads(capsys.readouterr().out)["taxonomies"]) == 4


def test_labels_ipc(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "ipc", "H01L 31/101, junk", "--date", "2024-06-01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [field["code"] for field in found["fields"]] == ["17"]
    assert found["malformed"] == ["junk"]
    assert main(["labels", "ipc", "A47B 88/00"]) == 0
    assert "no field is met" in capsys.readouterr().out


FILING = {
    "id": "A-1",
    "title": "Scramjet engine",
    "abstract": TEXT,
    "ipc": ["F02K 7/14"],
    "filing_date": "2026-01-31",
}

CLAIMED = {**FILING, "claims": "1. An\u2028engine with an isolator duct."}


def test_screen_prints_a_verdict_with_its_grounds(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["screen", "--title", "Scramjet engine", "--abstract", TEXT, "--ipc", "F02K 7/14"]
    assert main([*arguments, "--filing-date", "2026-02-28", "--defence-use", "yes"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("refer\n")
    assert "last day 2026-05-31" in out
    assert "abstract[0:" in out
    assert main([*arguments, "--no-explain"]) == 0
    assert capsys.readouterr().out.startswith("review\n")


@pytest.mark.parametrize("form", ["list", "object", "single", "lines"])
def test_screen_reads_filings_in_every_form(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {
        "list": json.dumps([FILING]),
        "object": json.dumps({"filings": [FILING]}, indent=1),
        "single": json.dumps(FILING),
        "lines": "\ufeff" + json.dumps(CLAIMED, ensure_ascii=False) + "\n\n",
    }
    path = tmp_path / "filings.json"
    path.write_text(rows[form], encoding="utf-8")
    assert main(["screen", "--file", str(path), "--no-explain", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["id"], result["verdict"]) == ("A-1", "review")


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ({**FILING, "titel": "x"}, "filings[0]"),
        ({**FILING, "ipc": "F02K7/14"}, "filings[0].ipc"),
        ({**FILING, "abstract": None}, "filings[0].abstract"),
        ({**FILING, "filing_date": "20260131"}, "filings[0].filing_date"),
        ({**FILING, "filing_date": "9999-12-31"}, "filings[0].filing_date"),
        ({**FILING, "conditions": {"defence_use": "perhaps"}}, "filings[0].conditions.defence_use"),
        ({**FILING, "conditions": []}, "filings[0].conditions"),
        ({**FILING, "already_public": True}, "filings[0].already_public"),
        (7, "filings[0]"),
    ],
)
def test_screen_refuses_a_bad_filing_by_field(
    row: object, where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "filings.json"
    path.write_text(json.dumps([row]), encoding="utf-8")
    assert main(["screen", "--file", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"critech: {where}: ")


@pytest.mark.parametrize(
    "option",
    [["--defence-use", "yes"], ["--filing-date", "2026-01-31"], ["--ipc", "B63G"], ["--title", ""]],
)
def test_screen_refuses_beside_a_file_what_stands_in_it(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "filings.json"
    path.write_text(json.dumps([FILING]), encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["screen", "--file", str(path), *option])
    assert stopped.value.code == 2
    assert f"{option[0]} does not go with --file" in capsys.readouterr().err


@pytest.mark.parametrize("date", ["20260131", "2026-W05-6", "2026-02-30"])
def test_a_date_has_one_form(date: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["screen", "--title", "T", "--abstract", "A.", "--filing-date", date])
    assert stopped.value.code == 2
    assert "expected a date as YYYY-MM-DD" in capsys.readouterr().err


@pytest.mark.parametrize("data", [b"[" * 100_000, b"", b"\xff", b'{"title": 1}\n{'])
def test_screen_refuses_what_is_no_json(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "filings.json"
    path.write_bytes(data)
    assert main(["screen", "--file", str(path)]) == 1
    assert capsys.readouterr().err.startswith("critech: filings.json")


def test_what_nobody_expected_is_told_by_its_type_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Panic(BaseException):
        pass

    def panics(_: object) -> int:
        raise Panic("a text")

    monkeypatch.setattr("critech.cli._run", panics)
    assert main(["classify"]) == 1
    assert capsys.readouterr().err == "critech: unexpected Panic\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "a text", "a text"), "OSError (No space left on device)"),
        (OSError("a text"), "OSError"),
    ],
)
def test_an_error_of_the_system_is_told_in_its_words_alone(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: object) -> int:
        raise error

    monkeypatch.setattr("critech.cli._run", fails)
    assert main(["classify"]) == 1
    assert capsys.readouterr().err == f"critech: unexpected {said}\n"


def with_rows(command: list[str], folder: Path) -> list[str]:
    """Return a command with the path of a labelled text for ``{rows}``."""
    rows = folder / "rows.jsonl"
    rows.write_text('{"id": "1", "text": "A torpedo tube door.", "labels": {}}\n')
    return [part.replace("{rows}", str(rows)) for part in command]


@pytest.mark.parametrize("path", ["x" * 300, "/".join(["x" * 99] * 50)], ids=["name", "path"])
@pytest.mark.parametrize(
    "command",
    [
        ["classify", "A torpedo tube door.", "--bundle"],
        ["screen", "--title", "A door", "--abstract", "A torpedo tube door.", "--bundle"],
        ["batch", "{rows}", "-o", "{rows}.out.jsonl", "--quiet", "--bundle"],
        ["bundle", "verify"],
        ["bundle", "show"],
        ["evaluate", "--gold", "{rows}", "--bundle"],
        ["certify", "--gold", "{rows}", "--bundle"],
        ["serve", "--port", "0", "--bundle"],
        ["serve", "--port", "0", "--bundles-dir"],
    ],
    ids=lambda command: " ".join(one for one in command if "{" not in one),
)
def test_a_path_of_a_bundle_too_long_for_any_is_told(
    command: list[str], path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*with_rows(command, tmp_path), path]) == 3
    said = "".join(capsys.readouterr())
    assert "cannot be read (expected a" in said
    assert "found File name too long)" in said
    assert "unexpected" not in said


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["evaluate", "--gold"], "--gold: cannot be read"),
        (["evaluate", "--gold", "{rows}", "--report"], "--report: cannot be written"),
        (["certify", "--gold"], "--gold: cannot be read"),
        (["corpus", "--corpus"], "--corpus: cannot be read"),
        (["certify-fast", "{rows}", "--out"], "--out: cannot be written"),
        (["batch", "{rows}", "--format", "jsonl", "-o"], "--output: cannot be written"),
        (["batch", "{rows}", "-o", "{rows}.jsonl", "--report"], "--report: cannot be written"),
        (["audit", "override", "--record", "1", "--verdict", "refer", "--reason-code", "c",
          "--reviewer", "r"], "log: cannot be read"),
    ],
)  # fmt: skip
def test_any_other_path_too_long_is_told_by_its_option(
    command: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*with_rows(command, tmp_path), "x" * 300]) == 1
    assert f"critech: {said} (File name too long)\n" in capsys.readouterr().err
