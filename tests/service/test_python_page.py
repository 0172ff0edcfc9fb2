"""The examples of docs/python.md run; those of docs/clusters.md name what is there."""

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


EXAMPLES = examples("python.md")


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(number: int, address: str) -> None:
    code = EXAMPLES[number].replace("http://127.0.0.1:8000", address)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, f"python.md, example {number}", "exec"), {"__name__": "example"})
    assert said.getvalue()


def test_the_examples_for_clusters_name_what_is_there() -> None:
    (code,) = examples("clusters.md")
    tree = ast.parse(code)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == 2
    exec(compile(ast.Module(imports, []), "clusters.md", "exec"), {})
    (call,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node) == "run"
    ]
    assert [keyword.arg for keyword in call.keywords] == ["bundle"]
    from critech.batch.engines.job import Job

    assert "bundle" in Job.__dataclass_fields__


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""
