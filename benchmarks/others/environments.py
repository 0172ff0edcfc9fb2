"""A virtual environment for each server, made on demand, with pinned versions."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "deploy" / "constraints.txt"
# The only torch: installed first, so that nothing draws one with CUDA.
TORCH = "torch==2.13.0"


class InstallError(Exception):
    """An environment could not be made; the message is pip's last line."""


@dataclass(frozen=True)
class Environment:
    """What pip installs into one environment, and the package whose version is shown."""

    name: str
    package: str
    requirements: tuple[str, ...]
    torch: bool = False

    def made(self, venvs: Path) -> Path:
        """Return the environment's folder of programs, made when it is absent or was made from
        other requirements. Raise InstallError when pip fails."""
        folder = venvs / self.name
        stamp = folder / "requirements.sha256"
        wanted = hashlib.sha256(repr(self).encode()).hexdigest()
        if not stamp.is_file() or stamp.read_text() != wanted:
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--no-input"]
            limits = folder / "torch.txt"
            limits.write_text(f"{TORCH}\n" if self.torch else "")
            if self.torch:
                _run([*pip, TORCH])
            _run([*pip, "--constraint", str(limits), *self.requirements])
            stamp.write_text(wanted)
        return folder / "bin"

    def version(self, programs: Path) -> str:
        """Return the installed version of the package that is measured."""
        code = f"import importlib.metadata as m; print(m.version({self.package!r}))"
        done = subprocess.run(
            [str(programs / "python"), "-c", code], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        errors = [line for line in lines if line.startswith("ERROR")]
        raise InstallError((errors or lines)[-1][:200])


CRITECH = Environment(
    "critech", "critech", ("--editable", f"{ROOT}[service]", "--constraint", str(CONSTRAINTS))
)
INFINITY = Environment(
    "infinity",
    "infinity-emb",
    (
        "infinity-emb[server,torch,optimum]==0.0.78",
        "sentence-transformers==3.4.1",
        "transformers==4.57.6",
        "optimum-onnx==0.1.0",
        "onnxruntime==1.32.0",
        # newer ones change what its command line is written for
        "click==8.1.8",
        "typer==0.12.5",
    ),
    torch=True,
)
MLSERVER = Environment(
    "mlserver",
    "mlserver",
    (
        "mlserver==1.7.1",
        "uvloop==0.21.0",  # its workers do not start under 0.22 and later
        "onnxruntime==1.31.1",
        "numpy==2.4.6",
        "tokenizers==0.23.3",
        "--editable",
        str(ROOT),
    ),
)
ANNIF = Environment("annif", "annif", ("annif==1.4.3", "uvicorn==0.54.0"))
PLAIN = Environment(
    "plain",
    "sentence-transformers",
    (
        "sentence-transformers==6.2.0",
        "fastapi==0.165.0",
        "uvicorn==0.54.0",
        "--editable",
        str(ROOT),
    ),
    torch=True,
)
