"""The report of drift as one HTML page without scripts: a table and a picture for each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}.drift{color:#b00020;font-weight:600}.moderate{color:#b26a00;font-weight:600}
.training{color:#888}figure{display:inline-block;margin:.5rem 1rem .5rem 0;vertical-align:top}figcaption{font-size:13px;max-width:22rem}
"""
_WIDTH, _HEIGHT = 340, 130
_COLUMNS = ("verdict", "psi", "mean_shift", "kolmogorov_smirnov", "jensen_shannon", "wasserstein", "null_rate")
_STATISTICS = ("mean", "std", "min", "p05", "median", "p95", "max")


def drift_page(
    reports: Sequence[dict[str, Any]],
    sources: Sequence[str],
    time_text: str,
    skipped: Mapping[str, int] | None = None,
) -> str:
    """Return the page.

    Args:
        reports: the models of answers of ``GET /drift``, merged, or those of a log.
        sources: the services that were asked, or the log.
        time_text: the time of the report.
        skipped: the number of rows that are not compared, by reason.
    """
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Drift</title><style>{_STYLE}</style><h1>Drift</h1>",
        f"<p>{escape(time_text)}, from {escape(', '.join(sources))}.</p>",
    ]
    if not reports:
        parts.append("<p>No model has predicted a row yet.</p>")
    for reason, count in (skipped or {}).items():
        parts.append(f"<p>{count:,} rows are not compared: {escape(reason)}.</p>")
    for report in reports:
        parts.append(f"<h2>{escape(report['model'])}:{escape(report['version'])} ({escape(report['variant'])})</h2>")
        if "times" in report:
            times = " to ".join(map(escape, report["times"]))
            parts.append(f"<p>Rows from {times}, compared with the training part of {escape(report['reference'])}.</p>")
        for name, reason in report.get("not_compared", {}).items():
            parts.append(f"<p>{escape(name)} is not compared: {escape(reason)}.</p>")
        for name, window in report["windows"].items():
            parts.append(_window(name, window))
    return "".join(parts)


def _window(name: str, window: dict[str, Any]) -> str:
    title = {"rows": "Newest rows", "time": "By time", "log": "The log"}.get(name, name)
    verdict = window["verdict"]
    head = "".join(f"<th>{escape(key.replace('_', ' '))}" for key in ("column", *_COLUMNS, "reasons"))
    columns = sorted(window["columns"], key=lambda column: -column["psi"])
    lines = "".join(
        f"<tr><td>{escape(column['name'])}{'' if column['role'] == 'feature' else ' (' + escape(column['role']) + ')'}"
        + "".join(_cell(column, key) for key in _COLUMNS)
        + f"<td>{escape(', '.join(column['reasons']))}"
        for column in columns
    )
    return (
        f"<h3>{escape(title)}: {window['rows']:,} rows, <span class='{_class(verdict)}'>{escape(verdict)}</span>,"
        f" {window['drifted_features']} features have drifted</h3>"
        f"<table><tr>{head}{lines}</table>{_values(columns)}{''.join(map(_picture, columns)) if window['rows'] else ''}"
    )


def _values(columns: Sequence[dict[str, Any]]) -> str:
    """Return a table of the numbers' statistics: those of the window, and of training below them."""
    numbers = [column for column in columns if "values" not in column]
    numbers.sort(key=lambda column: column["role"] != "prediction")
    if not numbers:
        return ""
    head = "".join(f"<th>{name}" for name in ("values now and in training", *_STATISTICS))
    lines = "".join(
        f"<tr><td>{escape(column['name'])}"
        + "".join(
            f"<td>{_number(column.get(name))}<br><span class=training>{_number(column.get('reference_' + name))}</span>"
            for name in _STATISTICS
        )
        for column in numbers
    )
    return f"<table><tr>{head}{lines}</table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.6g}"  # rounded: a statistic


def _class(verdict: str) -> str:
    return verdict if verdict in ("drift", "moderate") else ""


def _cell(column: dict[str, Any], key: str) -> str:
    value = column.get(key)
    if value is None:
        return "<td>"
    if isinstance(value, str):
        return f"<td class='{_class(value)}'>{escape(value)}"
    return f"<td>{value:.1%}" if key == "null_rate" else f"<td>{value:.3f}"


def _picture(column: dict[str, Any]) -> str:
    """Return bars of the shares: grey in training, blue in the window; the last pair is missing values."""
    counts, expected = column["counts"], column["reference_counts"]
    labels = [*column["values"], "unknown"] if "values" in column else _intervals(column["edges"])
    shares = [[count / (sum(sample) or 1) for count in sample] for sample in (expected, counts)]
    present = [1 - column["reference_null_rate"], 1 - column["null_rate"]]
    pairs = [(shares[0][index] * present[0], shares[1][index] * present[1]) for index in range(len(counts))]
    pairs.append((column["reference_null_rate"], column["null_rate"]))
    labels.append("missing")
    largest = max(max(pair) for pair in pairs) or 1
    step = _WIDTH / len(pairs)
    bars = []
    for index, (label, pair) in enumerate(zip(labels, pairs, strict=True)):
        title = f"<title>{escape(label)}: {pair[0]:.1%} in training, {pair[1]:.1%} now</title>"
        for offset, (share, color) in enumerate(zip(pair, ("#b8b8b8", "#2f6fb2"), strict=True)):
            height = share / largest * _HEIGHT
            bars.append(
                f"<rect x='{(index + 0.1 + 0.4 * offset) * step:.1f}' y='{_HEIGHT - height:.1f}'"
                f" width='{0.4 * step:.1f}' height='{height:.1f}' fill='{color}'>{title}</rect>"
            )
    return (
        f"<figure><svg width='{_WIDTH}' height='{_HEIGHT}' role='img'>{''.join(bars)}</svg>"
        f"<figcaption>{escape(column['name'])}: training grey, now blue; {escape(labels[0])} … {escape(labels[-2])}, missing"
        "</figcaption></figure>"
    )


def _intervals(edges: Sequence[float]) -> list[str]:
    if not edges:
        return ["all"]
    middle = [f"to {edge:.4g}" for edge in edges[1:]]
    return [f"to {edges[0]:.4g}", *middle, f"above {edges[-1]:.4g}"]
