"""A file of many documents: streamed through the service, shown as a table, saved again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from desk_browser import Desk

Opener = Callable[..., Desk]
TORPEDO = "A torpedo tube door with a hydraulic actuator for a submarine launches a torpedo."
QUANTUM = "単一光子の偏光に符号化した乱数列から共通鍵を生成する量子鍵配送装置である。"
DRAWER = 'A drawer hinge with a damper, called "soft"'


def csv_file(n_rows: int = 54) -> bytes:
    """Rows of three kinds; the ids of some are formulas, one text is empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["ID", "発明の名称", "要約", "IPC"])
    texts = [TORPEDO, QUANTUM, DRAWER]
    for n in range(n_rows):
        text = "" if n == 5 else texts[n % 3]
        title = "" if n == 5 else f"T{n},\n second line"
        writer.writerow(
            [f"=1+{n}" if n % 7 == 0 else f"A-{n}", title, text, "F42B 19/00; F41F 3/10"]
        )
    return out.getvalue().encode()


def load(page: object, name: str, content: bytes) -> None:
    page.set_input_files("#dump-file", {"name": name, "mimeType": "text/plain", "buffer": content})  # type: ignore[attr-defined]


def saved(page: object, button: str) -> Path:
    with page.expect_download() as waiting:  # type: ignore[attr-defined]
        page.click(button)  # type: ignore[attr-defined]
    return Path(waiting.value.path())


@pytest.mark.parametrize("language", ["en", "ja"])
def test_rows_stream_into_a_table_that_can_be_sorted_filtered_and_saved(
    desk: Opener, language: str
) -> None:
    opened = desk(language)
    page = opened.go("dump")
    load(page, "dump.csv", csv_file())
    assert page.input_value("#column-text") == "2"
    assert page.input_value("#column-title") == "1"
    page.click("#start")
    page.wait_for_selector("#start:enabled")
    assert page.inner_text("#counts").startswith("54 " if language == "en" else "54行")
    assert page.locator("table.dump tbody tr").count() == 50
    assert page.locator("tr.error").count() == 1
    why = "It has no text." if language == "en" else "本文がありません。"
    assert why in page.inner_text("tr.error")
    page.click("#next")
    assert page.locator("table.dump tbody tr").count() == 4
    page.click("#sort-jp-secret-patent-25")
    top = page.inner_text("table.dump tbody tr:first-child")
    page.click("#previous")
    assert "T" in top
    assert page.get_attribute("th:has(#sort-jp-secret-patent-25)", "aria-sort") == "descending"
    page.fill("#words", "量子")
    page.select_option("#decision", "possible")
    shown = page.locator("table.dump tbody tr")
    assert 0 < shown.count() <= 18
    assert opened.accessible() == []
    opened.shot(f"dump-{language}")

    written = saved(page, "#save-csv").read_bytes()
    assert written.startswith("\ufeffrow,id,title,".encode())
    rows = list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline="")))
    assert len(rows) == shown.count()
    assert all(not row["id"].startswith("=") for row in rows)
    assert {row["id"] for row in rows if "1+" in row["id"]} <= {f"'=1+{n}" for n in range(54)}
    assert all("\n second line" in row["title"] for row in rows)
    table = pq.read_table(saved(page, "#save-parquet"))
    assert table.num_rows == len(rows)
    assert table.column_names == list(rows[0])
    assert table["row"].to_pylist() == [int(row["row"]) for row in rows]
    assert table["jp-kprogram-50:score"].to_pylist() == [
        float(row["jp-kprogram-50:score"]) for row in rows
    ]
    assert any(one.startswith("=1+") for one in table["id"].to_pylist())


def test_a_bad_line_is_alone_and_the_answers_are_those_of_the_route(desk: Opener) -> None:
    opened = desk()
    page = opened.go("dump")
    lines = [json.dumps({"id": "good", "text": TORPEDO}), "{broken", "[1]", "", '{"text": ""}']
    lines += [json.dumps({"id": 7, "title": "鍵", "abstract": QUANTUM, "ipc": ["H04L 9/08"]})]
    load(page, "dump.jsonl", "\n".join(lines).encode())
    page.click("#start")
    page.wait_for_selector("#start:enabled")
    assert page.inner_text("#counts") == "5 rows, 3 of them with an error"
    body = {"documents": [{"text": TORPEDO}], "taxonomies": ["jp-critical-20"], "top_k": 1}
    answer = page.request.post(f"{opened.address}/v1/classify", data=body).json()
    (label,) = answer["results"][0]["taxonomies"][0]["labels"]
    rows = list(csv.DictReader(io.StringIO(saved(page, "#save-csv").read_text("utf-8-sig"))))
    assert float(rows[0]["jp-critical-20:score"]) == label["score"]
    assert [row["id"] for row in rows] == ["good", "", "", "", "7"]
    assert [bool(row["error"]) for row in rows] == [False, True, True, True, False]


def test_shift_jis_is_read_and_a_column_can_be_chosen(desk: Opener) -> None:
    opened = desk("ja")
    page = opened.go("dump")
    load(page, "dump.csv", f"番号,内容\r\nB-1,{QUANTUM}\r\n".encode("shift_jis"))
    page.wait_for_selector("#start:disabled")
    page.select_option("#column-text", "1")
    page.click("#start")
    page.wait_for_selector("table.dump tbody tr")
    page.wait_for_selector("#start:enabled")
    assert "K26" in page.inner_text("table.dump") or "量子" in page.inner_text("table.dump")


NOT_ROWS = {
    "empty": (b"\n", "empty"),
    "parquet": (b"PAR1\x15\x04", "neither CSV"),
    "gzip": (b"\x1f\x8b\x08\x08abcd", "neither CSV"),
    "zstd": (b"\x28\xb5\x2f\xfdabcd", "neither CSV"),
    "zip": (b"PK\x03\x04abcd", "neither CSV"),
    "xml": (b"<?xml version='1.0'?><a/>", "neither CSV"),
    "array": (b'[{"text": "a"}]', "neither CSV"),
    "utf-16": ("\ufeffid,text\n1,a\n".encode("utf-16-le"), "neither CSV"),
}


def test_what_is_no_table_is_told_before_a_start(desk: Opener) -> None:
    page = desk().go("dump")
    for content, words in NOT_ROWS.values():
        load(page, "file.bin", content)
        page.wait_for_selector(f".problem:has-text('{words}')")
        assert page.locator("#start").count() == 0
    load(page, "dump.csv", b"id,text\n")
    page.click("#start")
    page.wait_for_selector("#counts:has-text('No row was found')")
    load(page, "dump.csv", csv_file(3))
    page.click("#start")
    page.wait_for_selector("table.dump tbody tr")
    page.wait_for_selector("#start:enabled")
    assert page.inner_text("#counts") == "3 rows, 0 of them with an error"


def test_a_run_outlives_the_view_and_can_be_stopped(desk: Opener) -> None:
    opened = desk()
    page = opened.go("dump")
    load(page, "dump.csv", csv_file(2_000))
    page.click("#start")
    page.wait_for_selector("#stop:enabled")
    page.click("#language")
    page.wait_for_selector("#counts:has-text('行')")
    page.click("nav a[data-view=screen]")
    page.wait_for_selector("#abstract")
    page.click("nav a[data-view=dump]")
    page.click("#stop")
    page.wait_for_selector("#start:enabled")
    assert page.locator(".problem").count() == 0
