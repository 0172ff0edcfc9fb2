import re
from pathlib import Path

import pytest

from critech.cli import main
from critech_service.settings import Settings

README = Path(__file__).parents[2] / "README.md"


def test_environment_and_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().host, Settings().port) == ("127.0.0.1", 8000)
    monkeypatch.setenv("CRITECH_HOST", "::1")
    monkeypatch.setenv("CRITECH_PORT", "9001")
    assert (Settings().host, Settings().port) == ("::1", 9001)


def test_a_bad_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRITECH_PORT", "70000")
    assert main(["serve"]) == 1
    assert "setting port: Input should be less than or equal to 65535" in capsys.readouterr().err


def test_a_broken_bundle_ends_serve_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--bundle", "/no/such/bundle"]) == 3
    assert "bundle manifest.json: cannot be read" in capsys.readouterr().err


def test_every_setting_stands_in_the_readme() -> None:
    documented = set(re.findall(r"`(CRITECH_[A-Z_]+)`", README.read_text(encoding="utf-8")))
    expected = {f"CRITECH_{name.upper()}" for name in Settings.model_fields}
    assert expected == documented
