"""Every word of the page stands in the tables of both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
from desk_browser import Desk

from critech.results import WarningCode
from critech_labels import load_taxonomies
from critech_service.routes.page import FOLDER

Opener = Callable[..., Desk]
TABLES = {
    language: json.loads((FOLDER / "messages" / f"{language}.json").read_text(encoding="utf-8"))
    for language in ("en", "ja")
}
OWN = [path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts]
NAMES_IN_FILES = {"rows.js", "csv.js", "filing.js"}  # Japanese that comes in files, never shown
VISIBLE = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement.closest("noscript")) found.push(node.data);
  }
  for (const one of document.querySelectorAll("[aria-label],[placeholder],[title],[alt]"))
    for (const name of ["aria-label", "placeholder", "title", "alt"])
      found.push(one.getAttribute(name) ?? "");
  return found;
}"""


def test_both_tables_have_the_same_keys_and_places() -> None:
    english, japanese = TABLES["en"], TABLES["ja"]
    assert list(english) == list(japanese)
    for key, words in english.items():
        assert words.strip(), key
        assert japanese[key].strip(), key
        places = re.compile(r"\{\w+\}")
        assert sorted(places.findall(words)) == sorted(places.findall(japanese[key])), key


def test_japanese_is_japanese_and_english_is_english() -> None:
    letters = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
    same = {"example.ipc", "example.filing_date", "field.ipc.short", "language.other"}
    same |= {"list.comma", "verdict.quoted"}
    for key in TABLES["en"].keys() - same:
        assert not letters.search(TABLES["en"][key]), key
        assert letters.search(TABLES["ja"][key]), key


def test_how_far_a_list_was_verified_is_told_as_its_data_say() -> None:
    """The Japanese words are the page's own, so they follow when the data change."""
    said = {
        f"verified.{one.id}.{one.version}": one.verification for one in load_taxonomies().values()
    }
    assert {k: v for k, v in TABLES["en"].items() if k.startswith("verified.")} == said


def test_every_word_that_a_module_asks_for_is_there_and_none_is_left_over() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in OWN)
    asked = set(re.findall(r"""["`]([a-z_]+(?:\.[\w-]+)+)["`]""", source))
    patterns = re.findall(
        r"`([a-z_]+\.(?:[\w.-]|\$\{[^}]*\})*\$\{(?:[^{}]|\{[^}]*\})*\}[\w.]*)`", source
    )
    built = [
        re.compile(re.sub(r"\\\$\\\{.*?\\\}(?=\\\.|$)", ".+", re.escape(one)) + "$")
        for one in patterns
    ]
    keys = set(TABLES["en"])
    files = {one for one in asked if one.endswith((".csv", ".parquet", ".js", ".json"))}
    stored = {one for one in asked if one.startswith("critech.")}
    assert asked - keys - files - stored == set()
    for one in built:
        assert any(one.match(key) for key in keys), one.pattern
    single = {"skip", "unknown", "print", "notice", "footer", "tokens"}
    unused = [key for key in keys - asked - single if not any(p.match(key) for p in built)]
    assert unused == []


def test_no_module_holds_words_of_its_own() -> None:
    for path in OWN:
        if path.name not in NAMES_IN_FILES:
            assert path.read_text(encoding="utf-8").isascii() or not re.search(
                r"[\u3040-\u30ff\u4e00-\u9fff]", path.read_text(encoding="utf-8")
            ), path.name


def test_every_code_of_the_service_has_words() -> None:
    from critech_service.screen_schemas import FieldOut, FieldTextOut, IpcRuleOut

    keys = set(TABLES["en"])
    for model, field, prefix in (
        (FieldOut, "outcome", "outcome"),
        (IpcRuleOut, "met", "rule"),
        (FieldTextOut, "decision", "decision"),
    ):
        options = model.model_fields[field].annotation.__args__  # type: ignore[union-attr]
        assert {f"{prefix}.{one}" for one in options} <= keys
    assert {f"warning.{one}" for one in get_args(WarningCode)} <= keys


@pytest.mark.parametrize("path", ["screen", "dump", "explore", "model", "explore/us-ecra-14/02"])
def test_nothing_is_shown_but_words_of_the_table_and_data(desk: Opener, path: str) -> None:
    opened = desk()
    answers: list[Any] = []
    # a bound method of a list takes no attributes, which playwright sets on what it calls
    opened.page.on("response", lambda one: answers.append(one))  # noqa: PLW0108
    marked = {
        key: words if key.startswith("example.") else f"⟦{words}⟧"
        for key, words in TABLES["en"].items()
    }
    opened.page.route("**/messages/en.json", lambda route: route.fulfill(json=marked))
    told: list[str] = []
    page = opened.screen_example() if path == "screen" else opened.go(path)
    if path == "screen":
        page.wait_for_selector(".alternatives table")
    if path == "dump":
        line = json.dumps({"id": "A-1", "text": "A torpedo tube door."}).encode()
        page.set_input_files("#dump-file", {"name": "A-1", "mimeType": "", "buffer": line})
        page.click("#start")
        page.wait_for_selector("table.dump")
        body = {"documents": [json.loads(line)]}
        told.append(page.request.post(f"{opened.address}/v1/classify", data=body).text())
    page.wait_for_load_state("networkidle")
    shown = page.evaluate(VISIBLE)
    # bodies are fetched now: from within the event they would come after the page has shown them
    told += [heard(one) for one in answers]
    known = " ".join(
        [
            *told,
            *json.dumps(marked, ensure_ascii=False).split("⟦"),
            "critech SHA-256 A-1 Torpedo JSONL UTF-8",
        ]
    )
    strange = [one for one in shown if not is_data(one, known)]
    assert strange == []


def heard(response: Any) -> str:
    if "/page/" in response.url or response.headers.get("content-type") != "application/json":
        return ""
    return str(response.text())


def is_data(shown: str, known: str) -> bool:
    """Whether a text is words of the table, has no letters, or is made of what was answered."""
    rest = re.sub(r"⟦[^⟦⟧]*⟧", " ", shown)
    parts = re.split(r"[\s;:,、…+/]+", rest)
    return all(one in known for one in parts if re.search(r"[^\W\d_]", one))
