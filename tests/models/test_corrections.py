"""Corrections: what goes in comes out, no text unasked for, errors by line and field."""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critech.cli import main
from critech.corrections import Correction, add_correction, read_corrections
from critech.errors import InputError

LABEL = "jp-secret-patent-25:10"
NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
KNOWN = frozenset({LABEL, "us-ecra-14:07.ii"})
CANARY = "canary-91ce"
ROW = {
    "format": 1, "label": LABEL, "judgement": "right", "reviewer": "e.1", "id": "A-1",
    "time": "2026-01-31T12:00:00+00:00",
}  # fmt: skip

TEXT = st.text(min_size=1).filter(str.strip)
CORRECTIONS = st.builds(
    Correction,
    label=st.sampled_from(sorted(KNOWN)),
    judgement=st.sampled_from(["right", "wrong"]),
    reviewer=st.from_regex("[a-z][a-z0-9._@]{0,20}", fullmatch=True),
    time=st.datetimes(timezones=st.just(dt.UTC)).map(lambda t: t.replace(microsecond=0)),
    id=TEXT.filter(lambda text: len(text) <= 200),
    text=TEXT,
    title=st.none() | TEXT,
    language=st.sampled_from([None, "en", "ja"]),
)


@given(corrections=st.lists(CORRECTIONS, min_size=1, max_size=4))
def test_what_goes_in_comes_out(
    corrections: list[Correction], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("corrections") / "c.jsonl"
    for correction in corrections:
        add_correction(path, correction)
    assert read_corrections(path, KNOWN) == corrections
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "c.jsonl:2: format: must be 1"),
        ({"label": "us-ecra-14:99"}, "c.jsonl:2: label: is not a known label"),
        ({"label": CANARY}, "c.jsonl:2: label: must be a label id"),
        ({"label": None}, "c.jsonl:2: label: must be a string"),
        ({"judgement": CANARY}, "c.jsonl:2: judgement: must be right or wrong"),
        ({"judgement": ["right"]}, "c.jsonl:2: judgement: must be right or wrong"),
        ({"reviewer": f"{CANARY} {CANARY}"}, "c.jsonl:2: reviewer: must be letters"),
        ({"time": CANARY}, "c.jsonl:2: time: must be a time as"),
        ({"time": 7}, "c.jsonl:2: time: must be a time as"),
        ({"time": "2026-01-31T12:00:00"}, "c.jsonl:2: time: must have a time zone"),
        ({"id": None}, "c.jsonl:2: id: give a document's id or its hmac"),
        ({"hmac": "hmac-sha256:" + 64 * "0"}, "c.jsonl:2: id: give a document's id or its hmac"),
        ({"id": None, "hmac": CANARY}, "c.jsonl:2: hmac: must be hmac-sha256: and 64"),
        ({"id": "x" * 201}, "c.jsonl:2: id: must be a string of 1 to 200 characters"),
        ({"text": " "}, "c.jsonl:2: text: must be a string of 1 to 500000 characters"),
        ({"text": "\ud800"}, "c.jsonl:2: text: must be valid Unicode"),
        ({"title": CANARY}, "c.jsonl:2: text: must be there where a title"),
        ({"text": "x", "language": "de"}, "c.jsonl:2: language: must be en or ja"),
        ({"language": ["en"]}, "c.jsonl:2: language: must be en or ja"),
        ({CANARY: 1}, "c.jsonl:2: must have label, judgement, reviewer, time and may have id"),
    ],
)
def test_a_bad_line_is_named_by_line_and_field(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, **change}) + "\n")
    with pytest.raises(InputError) as raised:
        read_corrections(path, KNOWN)
    assert str(raised.value).startswith(message)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "limit"), [("id", 200), ("text", 500_000), ("title", 2_000), ("reviewer", 64)]
)
def test_a_value_may_be_as_long_as_its_limit_and_no_longer(
    name: str, limit: int, tmp_path: Path
) -> None:
    path = tmp_path / "c.jsonl"
    for length in (limit, limit + 1):
        given = {"id": "A-1", "text": "x", "reviewer": "e.1", name: "x" * length}
        if length > limit:
            with pytest.raises(InputError) as raised:
                Correction(LABEL, "right", time=NOON, **given)
            assert raised.value.field == name
            assert str(limit) in raised.value.problem
        else:
            add_correction(path, Correction(LABEL, "right", time=NOON, **given))
    (read,) = read_corrections(path, KNOWN)
    assert len(getattr(read, name)) == limit
    path.write_text(json.dumps({**ROW, "text": "x", name: "x" * (limit + 1)}) + "\n")
    with pytest.raises(InputError, match=rf"^c\.jsonl:1: {name}: .*{limit}"):
        read_corrections(path, KNOWN)


@pytest.mark.parametrize("size", ["characters", "bytes"])
def test_a_text_too_large_to_keep_is_refused_and_nothing_is_written(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, text = tmp_path / "c.jsonl", tmp_path / "text.txt"
    about = ["feedback", "add", str(path), "--label", LABEL, "--reviewer", "e.1", "--id", "A-1"]
    text.write_text("x" * (500_001 if size == "characters" else 2_000_001))
    assert main([*about, "--right", "--with-text", str(text)]) == 1
    said = capsys.readouterr().err
    assert said == (
        "critech: text: must be a string of 1 to 500000 characters\n"
        if size == "characters"
        else "critech: --with-text: is larger than 2000000 bytes\n"
    )
    assert not path.exists()


@pytest.mark.parametrize("line", ["{", "[]", "7", "[" * 100_000, '{"format": 1}', "\x00"])
def test_a_line_that_is_no_correction(line: str, tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=r"^c\.jsonl:1: "):
        read_corrections(path, KNOWN)


def test_a_cut_last_line_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(ROW))
    with pytest.raises(InputError, match="the last line has no end"):
        add_correction(path, Correction(LABEL, "wrong", "e.1", NOON, id="A-1"))
    with pytest.raises(InputError, match="cannot be written: No such file"):
        add_correction(tmp_path / "no" / "c", Correction(LABEL, "wrong", "e.1", NOON, id="A-1"))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_corrections(tmp_path / "none", KNOWN)


def test_feedback_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, text = tmp_path / "c.jsonl", tmp_path / "text.txt"
    text.write_text(f"A scramjet. {CANARY}")
    about = ["feedback", "add", str(path), "--label", LABEL, "--reviewer", "e.1"]
    assert main([*about, "--id", "A-1", "--wrong"]) == 0
    assert main([*about, "--hmac", "hmac-sha256:" + 64 * "a", "--right"]) == 0
    assert CANARY not in path.read_text()
    assert main([*about, "--id", "A-2", "--right", "--with-text", str(text)]) == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("超音速燃焼".encode())))
    stdin = ["--with-text", "-", "--title", "T", "--language", "ja"]
    assert main([*about, "--id", "A-3", "--right", *stdin]) == 0
    found = read_corrections(path, KNOWN)
    assert [(c.judgement, c.id, c.text) for c in found] == [
        ("wrong", "A-1", None), ("right", None, None),
        ("right", "A-2", f"A scramjet. {CANARY}"), ("right", "A-3", "超音速燃焼"),
    ]  # fmt: skip
    capsys.readouterr()
    assert main(["feedback", "check", str(path)]) == 0
    assert capsys.readouterr().out == "4 corrections, 2 with text\n"
    assert main([*about[:3], "--label", "us-ecra-14:99", *about[5:], "--id", "x", "--right"]) == 1
    assert "label: is not a known label" in capsys.readouterr().err
    assert main([*about, "--id", "A-1", "--right", "--with-text", str(tmp_path / "no")]) == 1
    assert len(read_corrections(path, KNOWN)) == 4


@pytest.mark.parametrize("missing", [["--id", "A-1"], ["--right"], ["--right", "--wrong"]])
def test_feedback_needs_a_document_and_a_judgement(missing: list[str], tmp_path: Path) -> None:
    about = ["feedback", "add", str(tmp_path / "c"), "--label", LABEL, "--reviewer", "e.1"]
    with pytest.raises(SystemExit) as ended:
        main([*about, *missing])
    assert ended.value.code == 2
