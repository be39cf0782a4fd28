"""Live quality as a page: one file of HTML with its pictures, which needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from monitoring.quality.table import figure_text

WIDTH, HEIGHT, EDGE = 640, 160, 40
DECIDING = ("rmse", "roc_auc", "f1")
"""The metric of the history: the first of these that a target has."""
COLOURS = {"worse": "#b3261e", "better": "#1b7f3b", "same": "#333333"}
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.15rem .8rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}.worse{color:#b3261e;font-weight:600}.better{color:#1b7f3b}svg{max-width:100%}"""


def quality_page(answer: dict[str, Any], history: Sequence[dict[str, Any]] = ()) -> str:
    """Return the page.

    Args:
        answer: the answer of ``GET /quality``.
        history: the answers for parts of the window, the oldest first.
    """
    window = answer["window"]
    span = " to ".join(text for text in (window["since"], window["until"]) if text) or "all"
    parts = [
        f"<p>Window {escape(window['text'])} by {escape(window['by'])} ({escape(span)}). Intervals have"
        f" a confidence of {answer['confidence']:.4g}.</p>"
    ]
    for model in answer["models"]:
        parts += _model(model, history)
    feedback = answer["feedback"]
    parts.append(
        f"<p>All truths: {feedback['joined']:,} joined, {feedback['waiting']:,} wait for their prediction,"
        f" {feedback['mismatches']:,} do not fit their model.</p>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Live quality</title>'
        f"<style>{STYLE}</style></head><body><h1>Live quality</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _model(model: dict[str, Any], history: Sequence[dict[str, Any]]) -> list[str]:
    title = f"{model['model']}:{model['version']} ({model['variant']})"
    parts = [f"<h2>{escape(title)}</h2>", f"<p>{model['rows']:,} truths.</p>"]
    for target in model["targets"]:
        unit = f" in {target['unit']}" if target["unit"] else ""
        parts.append(f"<h3>{escape(target['name'] + unit)}</h3>")
        rows = [
            f"<tr><td>{escape(name)}</td><td>{figure_text(figure)}</td><td>{_number(figure['test'])}</td>"
            f'<td class="{escape(figure["verdict"] or "")}">{escape(figure["verdict"] or "")}</td></tr>'
            for name, figure in target["metrics"].items()
        ]
        parts.append(f"<table><tr><th>metric</th><th>live</th><th>test part</th><th></th></tr>{''.join(rows)}</table>")
        metric = next((name for name in DECIDING if name in target["metrics"]), None)
        points = [] if metric is None else _points(model, target["name"], metric, history)
        if metric is not None and len(points) > 1:
            parts += [f"<h4>{escape(metric)} over the window</h4>", _picture(points, target["metrics"][metric]["test"])]
        if target["slices"]:
            parts.append(_slices(target))
    return parts


def _slices(target: dict[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(item['feature'])}: {escape(item['value'])}</td><td>{item['rows']:,}</td>"
        f"<td>{figure_text({**item, 'value': item['loss']})}</td>"
        f'<td class="{"worse" if item["worse"] else ""}">{item["ratio"]:.2f}</td></tr>'
        for item in target["slices"]
    ]
    head = f"<tr><th>slice</th><th>rows</th><th>{escape(target['loss'])}</th><th>ratio to all</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _points(
    model: dict[str, Any], target: str, metric: str, history: Sequence[dict[str, Any]]
) -> list[tuple[float, dict[str, Any]]]:
    """Return the figures of a metric with their positions from 0 to 1."""
    identity = [model[name] for name in ("model", "version", "variant")]
    points: list[tuple[float, dict[str, Any]]] = []
    for index, answer in enumerate(history):
        for other in answer["models"]:
            if [other[name] for name in ("model", "version", "variant")] != identity:
                continue
            figures: dict[str, Any] = next((item["metrics"] for item in other["targets"] if item["name"] == target), {})
            if metric in figures:
                points.append(((index + 0.5) / len(history), figures[metric]))
    return points


def _picture(points: Sequence[tuple[float, dict[str, Any]]], test: float | None) -> str:
    """Return a picture of figures with their intervals, and a line for the figure of the test part."""
    values = [value for _, figure in points for value in (figure["value"], figure["low"], figure["high"])]
    numbers = [value for value in (*values, test) if value is not None]
    low, high = float(min(numbers)), float(max(numbers))
    span = (high - low) or abs(high) or 1.0

    def y(value: float) -> float:
        return HEIGHT - EDGE / 2 - (value - low) / span * (HEIGHT - EDGE)

    def x(position: float) -> float:
        return 2 * EDGE + position * (WIDTH - 2.5 * EDGE)

    shapes = [f'<text x="4" y="{y(value) + 4:.1f}" font-size="12">{value:.4g}</text>' for value in (low, high)]
    if test is not None:
        shapes.append(
            f'<line x1="{x(0):.1f}" x2="{x(1):.1f}" y1="{y(test):.1f}" y2="{y(test):.1f}" stroke="#888"'
            ' stroke-dasharray="5 4"><title>test part</title></line>'
        )
    for position, figure in points:
        colour = COLOURS.get(figure["verdict"] or "same", COLOURS["same"])
        if figure["low"] is not None and figure["high"] is not None:
            shapes.append(
                f'<line x1="{x(position):.1f}" x2="{x(position):.1f}" y1="{y(figure["low"]):.1f}"'
                f' y2="{y(figure["high"]):.1f}" stroke="{colour}" stroke-width="2"/>'
            )
        shapes.append(
            f'<circle cx="{x(position):.1f}" cy="{y(figure["value"]):.1f}" r="4" fill="{colour}">'
            f"<title>{figure_text(figure)}</title></circle>"
        )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">{"".join(shapes)}</svg>'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
