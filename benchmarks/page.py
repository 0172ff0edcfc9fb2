"""How soon the screening desk is there: first paint, bytes, and the time to a verdict.

    python benchmarks/page.py [--views N] [--threads N] [--json FILE]

Starts ``critech serve`` as a process of its own and opens the page in Chromium (Debian's package
``chromium``, driven by playwright of the ``dev`` extra), each time in a fresh profile with nothing
cached. Paint is what the browser itself reports (Paint Timing, W3C), counted from the navigation;
bytes are what came over the wire. The verdict is that of the page's own example with evidence,
beside the same request sent without a browser. Markdown goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from harness.report import Check, machine
from measures.plan import Plan, Section

MOST_PAINT_MS = 1_000.0
MOST_BYTES = 200_000
LOOK = """() => [
  performance.getEntriesByName("first-contentful-paint")[0].startTime,
  [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .reduce((sum, one) => sum + one.transferSize, 0)]"""


def main() -> int:
    """Measure and print; return 1 when a target was missed, 2 when there is no browser."""
    args = _arguments()
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        print("page.py: needs Chromium (apt-get install chromium)", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        section = measure(Plan(False, args.threads, Path()), browser, args.views)
        browser.close()
    print(f"Machine: {machine()}.\n\n{section.markdown()}")
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), **section.as_dict()}, indent=1))
    return 0 if all(check.met for check in section.checks) else 1


def measure(plan: Plan, browser: Any, n_views: int) -> Section:
    """Return the table over so many views of each language, the first of each left out."""
    views: list[dict[str, float]] = []
    with plan.server() as server:
        for i in range(n_views + 1):
            for locale in ("en-GB", "ja-JP"):
                found = _view(browser, server.url("/"), locale)
                if i:
                    views.append(found)
    rows: list[list[object]] = [
        [
            words,
            *(f"{f(one[key] for one in views):.{digits}f}" for f in (statistics.median, min, max)),
        ]
        for key, words, digits in (
            ("paint_ms", "first paint, ms", 0),
            ("bytes", "bytes over the wire until the form is there", 0),
            ("verdict_ms", "from the click to the verdict with evidence, ms", 0),
            ("bare_ms", "the same request without the page, ms", 0),
            ("ratio", "ratio of the two", 2),
        )
    ]
    paint = max(one["paint_ms"] for one in views)
    most = max(one["bytes"] for one in views)
    return Section(
        "page",
        "The screening desk",
        ["", "median", "least", "most"],
        rows,
        [
            f"{len(views)} views, half in each language, each in a fresh profile; browser and "
            "server share the machine.",
            f"The server was ready {server.ready_s:.1f} s after its start.",
        ],
        [
            Check("first paint, slowest", f"{paint:.0f} ms", "under 1 s", paint < MOST_PAINT_MS),
            Check("bytes, most", f"{most / 1000:.0f} kB", "under 200 kB", most < MOST_BYTES),
        ],
        {"views": views, "ready_s": server.ready_s},
    )


def _view(browser: Any, address: str, locale: str) -> dict[str, float]:
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("main h1")
    page.wait_for_function(
        "() => performance.getEntriesByName('first-contentful-paint').length > 0"
    )
    paint, size = page.evaluate(LOOK)
    asked: list[Any] = []
    page.on("request", lambda one: asked.append(one) if one.method == "POST" else None)
    page.click("#example")
    began = time.perf_counter()
    page.click("button.primary")
    page.wait_for_selector("#verdict")
    verdict = (time.perf_counter() - began) * 1000
    page.wait_for_load_state("networkidle")  # the page goes on to ask what answers would change
    began = time.perf_counter()
    answer = page.request.post(
        asked[0].url, data=asked[0].post_data, headers={"Content-Type": "application/json"}
    )
    bare = (time.perf_counter() - began) * 1000
    assert answer.ok, answer.status
    context.close()
    return {
        "paint_ms": paint,
        "bytes": size,
        "verdict_ms": verdict,
        "bare_ms": bare,
        "ratio": verdict / bare,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--views", type=int, default=10, help="views of each language (10)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
