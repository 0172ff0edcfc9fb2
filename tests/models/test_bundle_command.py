"""``critech bundle``: output, exit codes, and the environment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bundle_edits import variant
from critech.bundle import METRICS, default_path, read_bundle
from critech.bundle.pointer import read_pointer
from critech.cli import main

KEY_VARIABLES = ("CRITECH_BUNDLES_DIR", "CRITECH_BUNDLE_KEY")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return variant(default_path(), tmp_path / "copy", "9.9")


def test_verify(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "verify", str(copy)]) == 0
    digest = read_bundle(copy).digest
    assert capsys.readouterr().out == f"default 9.9, {digest}, signature not checked\nsound\n"
    (copy / METRICS).write_bytes(b"{}")
    (copy / "extra").touch()
    assert main(["bundle", "verify", str(copy)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        "bundle metrics.json: has another size", "bundle extra: is not in the manifest", "broken",
    ]  # fmt: skip
    assert main(["bundle", "verify", str(copy), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["sound"] is False
    assert [finding["part"] for finding in report["findings"]] == [METRICS, "extra"]


def test_show(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "show", str(copy), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    bundle = read_bundle(copy)
    assert (shown["version"], shown["digest"]) == ("9.9", bundle.digest)
    assert shown["made"]["corpus_version"] == bundle.manifest["training"]["corpus_version"]
    assert shown["files"]["encoder.onnx"] == (copy / "encoder.onnx").stat().st_size
    figure = shown["metrics"]["jp-critical-20"]["mean_average_precision"]
    assert figure == bundle.metrics["taxonomies"]["jp-critical-20"]["metrics"]["mean_average_precision"]  # fmt: skip  # noqa: E501
    assert shown["signature"] is None
    assert shown["certificate"]["status"]
    assert main(["bundle", "show", str(copy)]) == 0
    text = capsys.readouterr().out
    assert f"digest        {bundle.digest}" in text
    assert f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]" in text
    (copy / METRICS).unlink()
    assert main(["bundle", "show", str(copy)]) == 3
    assert capsys.readouterr().out == ""


def test_keys_from_making_to_refusing(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text("correct horse\nnot this line\n")
    assert main(["bundle", "keygen", "office", "--password-file", "password"]) == 0
    assert main(["bundle", "keygen", "office", "--no-password"]) == 1
    assert "office.pub: cannot be written (File exists)" in capsys.readouterr().err
    assert main(["bundle", "verify", str(copy), "--key", "office.pub"]) == 3
    assert "minisig: is missing" in capsys.readouterr().out
    assert main(["bundle", "sign", str(copy), "--key", "office.key"]) == 1
    assert "password: there is no terminal to ask on" in capsys.readouterr().err
    sign = ["bundle", "sign", str(copy), "--key", "office.key", "--password-file"]
    (tmp_path / "wrong").write_text("incorrect")
    assert main([*sign, "wrong"]) == 1
    assert main([*sign, "password"]) == 0
    assert "signed by" in capsys.readouterr().out
    monkeypatch.setenv("CRITECH_BUNDLE_KEY", "office.pub")
    assert main(["bundle", "verify", str(copy)]) == 0
    assert ", signed by " in capsys.readouterr().out
    assert main(["bundle", "show", str(copy), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["signature"]["checked"] is True
    assert main(["bundle", "verify"]) == 3  # the shipped one is not signed


def test_a_broken_bundle_is_not_signed(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "keygen", str(tmp_path / "k"), "--no-password"]) == 0
    (copy / METRICS).write_bytes(b"{}")
    assert main(["bundle", "sign", str(copy), "--key", str(tmp_path / "k.key")]) == 3
    assert "another size" in capsys.readouterr().err


def test_install_serve_from_and_roll_back(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles = tmp_path / "bundles"
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", default_path())
    assert main(["bundle", "install", archive, "--dir", str(bundles)]) == 0
    monkeypatch.setenv("CRITECH_BUNDLES_DIR", str(bundles))
    assert main(["bundle", "install", str(copy)]) == 0
    out = capsys.readouterr().out
    assert f"current: default 9.9, {read_bundle(copy).digest}, in {bundles}" in out
    assert "before: none\n" in out
    assert main(["classify", "A torpedo tube door.", "--json", "--bundle", str(bundles)]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["version"] == "9.9"
    assert main(["bundle", "rollback"]) == 0
    assert read_bundle(bundles).digest == read_bundle(default_path()).digest
    assert main(["bundle", "rollback"]) == 3
    assert "cannot be rolled back" in capsys.readouterr().err
    assert len(read_pointer(bundles)) == 1


def test_install_of_what_does_not_pass_the_self_test(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "install", str(tiny_bundle), "--dir", str(tmp_path / "d")]) == 3
    err = capsys.readouterr().err
    assert err.startswith("critech: bundle self-test: is not passed")
    assert err.count("\n") == 1
    assert [path.name for path in (tmp_path / "d").iterdir()] == [".lock"]


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("command", [["install", "{bundle}"], ["rollback"]])
def test_usage_without_a_directory(
    command: list[str],
    value: str | None,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if value is not None:
        monkeypatch.setenv("CRITECH_BUNDLES_DIR", value)
    filled = [part.replace("{bundle}", str(tiny_bundle)) for part in command]
    for more, said in (([], "are required: --dir"), (["--dir", ""], "--dir: is empty")):
        with pytest.raises(SystemExit) as ended:
            main(["bundle", *filled, *more])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
