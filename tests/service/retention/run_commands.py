"""Runs command lines one after the other in one process; reads and writes JSON.

Each is ``{"argv": [...], "stdin": "..."}``; each result has the exit code and what was said.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from critech.cli import main


def run(argv: list[str], stdin: str) -> dict[str, object]:
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(argv)
        except SystemExit as end:
            code = end.code
    said = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]  # type: ignore[attr-defined]
    return {"code": code, "out": said[0], "err": said[1]}


cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
found = [run(case["argv"], case["stdin"]) for case in cases]
sys.__stdout__.write(json.dumps(found))  # type: ignore[union-attr]
