"""The HTML report of a run: one file that loads nothing, with charts as inline SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from critech.batch.columns import Titles
from critech.batch.summary import flags, share
from critech.batch.tally import Tally
from critech.results import NOTICE

BAR_WIDTH = 360
ROW_HEIGHT = 22
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; color: #1c2430;
  background: #fff; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.facts td:first-child { color: #566 } svg text { font: 12px system-ui, sans-serif; fill: #1c2430 }
.assigned { fill: #b5392f } .possible { fill: #e0a83a } .plain { fill: #4a7ba6 }
p.notice { border-left: 3px solid #e0a83a; padding-left: .8rem }
"""


def html_report(
    tally: Tally, titles: Titles, settings: Mapping[str, Any], run: Sequence[tuple[str, str]]
) -> str:
    """Return the report. ``run`` are facts on this run, name and value, shown as given."""
    facts = [
        *run,
        ("records", str(tally.records)),
        ("classified", str(tally.rows)),
        ("rejected", str(tally.n_rejected)),
        ("repeated texts", str(tally.repeated)),
        ("flagged", f"{tally.flagged} ({share(tally.flagged, tally.rows)})"),
        ("out of distribution", _share(tally, "out_of_distribution")),
        ("truncated", _share(tally, "truncated")),
    ]
    parts = [
        "<h1>critech batch</h1>",
        f"<p class=notice>{escape(NOTICE['en'])}<br>{escape(NOTICE['ja'])}</p>",
        _table(facts, "facts"),
        *_label_charts(tally, titles),
        *_section("Verdicts of screening", tally.verdicts),
        *_section("Languages", tally.languages),
        *_section("Warnings", tally.warnings),
        *_section("Rejected records by reason", tally.rejected),
        *_section("Records by tier", tally.tiers),
        "<h2>Slowest records</h2>",
        _slowest(tally),
        "<h2>Settings</h2>",
        _table([(name, str(value)) for name, value in settings.items()], "facts"),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>critech batch</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _label_charts(tally: Tally, titles: Titles) -> Iterable[str]:
    by_taxonomy: dict[str, list[tuple[str, int, int]]] = {}
    for label, assigned, possible in flags(tally):
        taxonomy, _, code = label.partition(":")
        name = f"{code} {titles.get(label, ('', ''))[0]}"
        by_taxonomy.setdefault(taxonomy, []).append((name, assigned, possible))
    for taxonomy, rows in sorted(by_taxonomy.items()):
        yield f"<h2>Labels of {escape(taxonomy)}</h2>"
        yield "<p>Records by decision: assigned (red), possible (yellow).</p>"
        yield _bars(rows)


def _section(title: str, counts: Mapping[str, int]) -> Iterable[str]:
    if counts:
        yield f"<h2>{escape(title)}</h2>"
        rows = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        yield _bars([(name, count, 0) for name, count in rows], ("plain", "plain"))


def _bars(
    rows: Sequence[tuple[str, int, int]], kinds: tuple[str, str] = ("assigned", "possible")
) -> str:
    """Return a chart of horizontal bars of two parts each."""
    most = max(first + second for _, first, second in rows) or 1
    height = ROW_HEIGHT * len(rows)
    body = "".join(_bar(i, row, most, kinds) for i, row in enumerate(rows))
    return f'<svg role="img" width="900" height="{height}" viewBox="0 0 900 {height}">{body}</svg>'


def _bar(i: int, row: tuple[str, int, int], most: int, kinds: tuple[str, str]) -> str:
    name, first, second = row
    at = i * ROW_HEIGHT
    widths = (BAR_WIDTH * first / most, BAR_WIDTH * second / most)
    short = name if len(name) <= 62 else name[:61] + "…"
    count = f"{first} + {second}" if second else str(first)
    return (
        f"<g><title>{escape(name)}: {count}</title>"
        f'<text x="0" y="{at + 15}">{escape(short)}</text>'
        f'<rect class="{kinds[0]}" x="430" y="{at + 4}" width="{widths[0]:.1f}" height="14"/>'
        f'<rect class="{kinds[1]}" x="{430 + widths[0]:.1f}" y="{at + 4}" '
        f'width="{widths[1]:.1f}" height="14"/>'
        f'<text x="{436 + sum(widths):.1f}" y="{at + 15}">{count}</text></g>'
    )


def _slowest(tally: Tally) -> str:
    head = "<tr><th>seconds</th><th>source</th><th>record</th><th>tokens</th></tr>"
    rows = "".join(
        f"<tr><td class=n>{seconds:.3f}</td><td>{escape(source)}</td><td class=n>{record}</td>"
        f"<td class=n>{tokens}</td></tr>"
        for seconds, source, record, tokens in tally.slowest
    )
    return f"<table>{head}{rows}</table>"


def _table(rows: Iterable[tuple[str, str]], kind: str) -> str:
    cells = "".join(f"<tr><td>{escape(a)}</td><td>{escape(b)}</td></tr>" for a, b in rows)
    return f'<table class="{kind}">{cells}</table>'


def _share(tally: Tally, warning: str) -> str:
    return f"{tally.warnings[warning]} ({share(tally.warnings[warning], tally.rows)})"
