"""What the README and the documents say is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_links_lead_somewhere() -> None:
    broken = [
        (page.name, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_no_placeholder_is_left() -> None:
    assert [page.name for page in PAGES if "@@" in page.read_text(encoding="utf-8")] == []


def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(
        re.findall(r"make (serve|test|check|train|bench)", (ROOT / "README.md").read_text())
    )
    assert named == {"serve", "test", "check", "train", "bench"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
