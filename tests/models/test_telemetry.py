"""onnxruntime reports to nobody: it keeps no device id, no store of events and looks up no host.

It holds back by itself where ``CI`` is set, so these processes run without that.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLASSIFY = "from critech import Classifier; Classifier.load(threads=1).classify(['A torpedo.'])"
TRAIN = "import critech_training; import onnxruntime"


@pytest.mark.parametrize("code", [CLASSIFY, TRAIN])
@pytest.mark.parametrize("asked", [None, "0"])
def test_nothing_is_kept_for_sending(tmp_path: Path, code: str, asked: str | None) -> None:
    hushed = {"CI", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}
    kept = {name: value for name, value in os.environ.items() if name not in hushed}
    wanted = {} if asked is None else {"ORT_DISABLE_TELEMETRY": asked}
    env = {**kept, **wanted, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == []
