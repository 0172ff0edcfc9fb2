"""A program that only asks a service loads neither a model's runtime nor the service."""

import subprocess
import sys

CODE = """
import sys
import critech.client
heavy = {"onnxruntime", "tokenizers", "numpy", "fastapi", "pydantic", "critech_service"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
WITHOUT = """
import sys
sys.modules["httpx2"] = None
try:
    import critech.client
except ImportError as error:
    print(error)
"""


def said(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_client_is_light() -> None:
    assert said(CODE) == "[]"


def test_without_httpx2_it_says_what_to_install() -> None:
    assert "critech[client]" in said(WITHOUT)
