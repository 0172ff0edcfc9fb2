"""The evaluation report as one HTML file: tables and figures, nothing fetched from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib import resources
from typing import Any

import matplotlib
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from critech_training.corpus import ARGUABLE, POSITIVE
from critech_training.evaluate import COLUMNS, Scoring, compared_rows, metric_cell, table_rows
from critech_training.metrics import precision_recall, reliability

TEMPLATE = "report.html.j2"
SVG_SETTINGS = {"svg.hashsalt": "critech", "svg.fonttype": "none", "font.family": "sans-serif"}
FIGURE_WIDTH = 10.0  # inches
BAR_HEIGHT = 0.26  # inches


def html_report(report: Mapping[str, Any], scoring: Scoring, titles: Mapping[str, str]) -> str:
    """Return the report of ``evaluate.report_of`` as an HTML page with its figures inside.

    ``titles`` maps label ids to what stands beside their code. The same input gives the same
    bytes.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = resources.files("critech_training").joinpath(TEMPLATE).read_text(encoding="utf-8")
    with matplotlib.rc_context(SVG_SETTINGS):
        figures = {
            "reliability": _reliability_figure(scoring),
            "precision_recall": _precision_recall_figure(scoring),
            "labels": {
                name: _label_figure(report["labels"][name], titles, report["min_positives"])
                for name in scoring.slices
            },
        }
    return environment.from_string(source).render(
        report=report,
        titles=titles,
        figures=figures,
        columns=COLUMNS,
        rows=table_rows,
        compared=compared_rows(report),
        cell=metric_cell,
    )


def _svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])


def _grid(scoring: Scoring) -> tuple[Figure, list[tuple[str, Axes]]]:
    n_rows = -(-len(scoring.slices) // 3)
    figure = Figure(figsize=(FIGURE_WIDTH, 3.4 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 3, squeeze=False).ravel()
    for unused in axes[len(scoring.slices) :]:
        unused.set_axis_off()
    return figure, list(zip(scoring.slices, axes, strict=False))


def _reliability_figure(scoring: Scoring) -> Markup:
    """Frequency against score, bin by bin; the number of pairs stands at each point."""
    figure, panels = _grid(scoring)
    for name, axes in panels:
        data = scoring.slices[name]
        bins = reliability(data.scores, data.strengths)
        axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
        axes.plot([b.mean_score for b in bins], [b.frequency for b in bins], marker="o")
        for one in bins:
            axes.annotate(
                str(one.n_pairs),
                (one.mean_score, one.frequency),
                textcoords="offset points",
                xytext=(4, -9),
                fontsize=7,
            )
        axes.set(title=name, xlabel="score", ylabel="share that is right")
    return _svg(figure)


def _precision_recall_figure(scoring: Scoring) -> Markup:
    """Precision against recall over all pairs; the decisions `assigned` and `possible` marked."""
    figure, panels = _grid(scoring)
    for name, axes in panels:
        data = scoring.slices[name]
        precision, recall = precision_recall(data.scores, data.strengths)
        axes.plot(recall, precision)
        positive = data.strengths == POSITIVE
        counted = data.strengths != ARGUABLE
        for decided, marker, title in (
            (data.assigned, "o", "assigned"),
            (data.possible, "s", "possible"),
        ):
            hits, chosen = (decided & positive).sum(), (decided & counted).sum()
            if positive.any() and chosen:
                axes.plot(hits / positive.sum(), hits / chosen, marker, label=title)
        axes.set(title=name, xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, loc="lower left")
    return _svg(figure)


def _label_figure(
    labels: Mapping[str, Any], titles: Mapping[str, str], min_positives: int
) -> Markup | None:
    """Average precision of each label with enough positives, with its interval."""
    shown = [(label, one) for label, one in labels.items() if one["n_positives"] >= min_positives]
    if not shown:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 0.8 + BAR_HEIGHT * len(shown)), layout="constrained")
    axes = figure.subplots()
    precisions = [one["average_precision"] for _, one in shown]
    values = [p["value"] for p in precisions]
    rows = range(len(shown))
    axes.barh(rows, values, color="tab:blue", alpha=0.6)
    axes.hlines(rows, [p["low"] for p in precisions], [p["high"] for p in precisions], color="k")
    axes.set_yticks(
        rows, [f"{titles[label]} (n={one['n_positives']})" for label, one in shown], fontsize=8
    )
    axes.invert_yaxis()
    axes.set(xlabel="average precision", xlim=(0, 1))
    return _svg(figure)
