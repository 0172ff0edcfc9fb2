from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from critech.cascade.certificate import Certificate, certify
from critech.cascade.certificate_file import MAX_BYTES, read_certificate
from critech.errors import InputError

MODEL = "sha256:m"


def written(path: Path) -> Certificate:
    excess = np.repeat([[4.0, 4.0], [-4.0, -4.0]], 400, axis=0).astype(np.float32)
    has_any = np.arange(800)[:, None] < [400, 12]
    found = Certificate(certify(["a", "b"], excess, has_any), MODEL, "texts", "sha256:c")
    path.write_bytes(found.to_bytes())
    return found


def test_what_is_asked_for_is_read(tmp_path: Path) -> None:
    found = written(tmp_path / "fast.json")
    assert read_certificate(tmp_path / "fast.json", MODEL, ["a"]) == found


@pytest.mark.parametrize(
    ("model", "asked", "message"),
    [
        ("sha256:other", ["a"], "was certified with another bundle"),
        (MODEL, ["a", "b"], "has no certificate for b: "),
        (MODEL, ["c"], "has no certificate for c: "),
    ],
)
def test_what_it_does_not_say_is_refused(
    tmp_path: Path, model: str, asked: list[str], message: str
) -> None:
    written(tmp_path / "fast.json")
    with pytest.raises(InputError, match=f"--fast: {message}"):
        read_certificate(tmp_path / "fast.json", model, asked)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a certificate"),
        (b"\xff\xfe{}", "is not a certificate"),
        (b"null", "is not a certificate"),
        (b'{"entries": []}', "is not a certificate"),
        (b'{"entries": {"a": 1}}', "is not a certificate"),
        (b"[" * 100_000, "is not a certificate"),
        (b" " * (MAX_BYTES + 1), f"is larger than {MAX_BYTES} bytes"),
    ],
    ids=["empty", "no text", "null", "lacks fields", "no entries", "deep", "large"],
)
def test_hostile_content_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "fast.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_certificate(tmp_path / "fast.json", MODEL, ["a"])


def test_a_certificate_of_something_more_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "fast.json")
    raw = json.loads((tmp_path / "fast.json").read_bytes())
    (tmp_path / "fast.json").write_text(json.dumps({**raw, "other_digest": "sha256:o"}))
    with pytest.raises(InputError, match="is not a certificate"):
        read_certificate(tmp_path / "fast.json", MODEL, ["a"])


@pytest.mark.parametrize("name", ["none.json", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="--fast: is not a file"):
        read_certificate(tmp_path / name, MODEL, ["a"])


def test_a_path_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--fast: cannot be read"):
        read_certificate(tmp_path / ("x" * 300), MODEL, ["a"])
