"""The report on a trial as one HTML page, which needs no network and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.15rem .8rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}.roll_back,.passed{color:#b3261e;font-weight:600}.promote,.kept{color:#1b7f3b}
.bar{display:inline-block;height:.7rem;background:#2f6fb2;vertical-align:middle}.champion .bar{background:#b8b8b8}
td.text{text-align:left}figcaption{font-size:13px}"""
BAR_PX = 220
DECISIONS = {
    "promote": "Promote: the limits are kept, and the challenger is better.",
    "no_difference": "No difference: the limits are kept.",
    "hold": "Hold: nothing is decided yet.",
    "roll_back": "Roll back: a limit is passed.",
    None: "Nothing was judged yet.",
}
_ARM_ROWS = (
    ("requests", "requests", "{:,}"),
    ("errors", "errors", "{:,}"),
    ("error_rate", "error rate", "{:.2%}"),
    ("refused", "refused for their content", "{:,}"),
    ("rows", "rows", "{:,}"),
    ("mean_ms", "mean latency in ms", "{:.3g}"),
    ("p50_ms", "median latency in ms", "{:.3g}"),
    ("p95_ms", "95% quantile in ms", "{:.3g}"),
    ("p99_ms", "99% quantile in ms", "{:.3g}"),
)


def report_page(reports: Sequence[Mapping[str, Any]], time_text: str) -> str:
    """Return the page.

    Args:
        reports: the reports of ``rollout.report.report_of``.
        time_text: the time of the report.
    """
    parts = [f"<p>{escape(time_text)}, all workers of one replica.</p>"]
    if not reports:
        parts.append("<p>No challenger is tried.</p>")
    for report in reports:
        parts += _trial(report)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Rollout</title>'
        f"<style>{STYLE}</style></head><body><h1>Rollout</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _trial(report: Mapping[str, Any]) -> list[str]:
    decision = report["decision"]
    parts = [
        f"<h2>{escape(report['challenger'])} beside {escape(report['champion'])}</h2>",
        f"<p>{_place(report)}</p>",
        f'<p class="{escape(decision or "")}">{escape(DECISIONS[decision])}</p>',
        "<ul>" + "".join(f"<li>{escape(reason)}</li>" for reason in report["reasons"]) + "</ul>",
    ]
    if report["rolled_back"] is not None:
        parts.append(f"<p class='roll_back'>The challenger has lost its traffic: {escape(report['rolled_back'])}</p>")
    parts.append(_arms(report))
    if report["verdict"] is not None and report["verdict"]["tests"]:
        parts += ["<h3>Limits</h3>", _checks(report["verdict"]["tests"])]
    fixed = report["fixed_comparison"]
    if fixed is not None:
        parts.append(
            f"<p>Compared once, with fixed sizes ({escape(fixed['test'])} at 0.05, latency at most +50%):"
            f" <b>{escape(fixed['verdict'])}</b>, {escape(fixed['reason'])} (p = {fixed['p_value']:.3g}).</p>"
        )
    if report["shadow"] is not None:
        parts += _shadow(report["shadow"])
    parts += _answers(report["arms"])
    return parts


def _place(report: Mapping[str, Any]) -> str:
    if report["mode"] == "shadow":
        return f"In the shadow for {report['elapsed_s']:,.0f} s: no client gets the challenger's answers."
    return (
        f"Canary with {report['share'] * 100:.4g}% of the traffic, step {report['step'] + 1} of {len(report['steps'])},"
        f" for {report['elapsed_s']:,.0f} s."
    )


def _arms(report: Mapping[str, Any]) -> str:
    arms = report["arms"]
    lines = "".join(
        f"<tr><td>{title}{' (estimated for the challenger)' if report['latency_is_estimated'] and key.endswith('_ms') else ''}</td>"
        + "".join(f"<td>{_text(arms[variant][key], form)}</td>" for variant in ("champion", "challenger"))
        + "</tr>"
        for key, title, form in _ARM_ROWS
    )
    losses = [arms[variant]["losses"] for variant in ("champion", "challenger")]
    if any(item["count"] for item in losses):
        cells = "".join(f"<td>{_text(item['mean'], '{:.4g}')} ({item['count']:,} truths)</td>" for item in losses)
        lines += f"<tr><td>mean loss</td>{cells}</tr>"
    return f"<table><tr><th></th><th>champion</th><th>challenger</th></tr>{lines}</table>"


def _checks(checks: Sequence[Mapping[str, Any]]) -> str:
    lines = "".join(
        f"<tr><td>{escape(check['name'])}</td><td class='{escape(check['outcome'])}'>{escape(check['outcome'])}</td>"
        f"<td class='text'>{escape(check['sentence'])}</td></tr>"
        for check in checks
    )
    return f"<table><tr><th>check</th><th></th><th></th></tr>{lines}</table>"


def _shadow(shadow: Mapping[str, Any]) -> list[str]:
    parts = [
        "<h3>The same rows, answered by both</h3>",
        f"<p>{shadow['compared_rows']:,} rows compared, {shadow['differing_rows']:,} differ"
        f" ({_text(shadow['differing_share'], '{:.3%}')}), {shadow['label_flips']:,} with another label."
        f" {shadow['failed_rows']:,} rows failed, {shadow['dropped_rows']:,} were not compared for lack of time."
        f" The challenger's model takes {_text(shadow['cost_ratio'], '{:.2f}') or 'an unknown number of'} times the time"
        " of the champion's.</p>",
    ]
    if shadow["differences"]:
        bars = [
            ("more" if item["up_to"] is None else f"up to {item['up_to']:.2g}", item["rows"])
            for item in shadow["differences"]
        ]
        parts.append(_bars("difference", bars, "challenger"))
    if shadow["worst_rows"]:
        lines = "".join(
            f"<tr><td>{escape(row['request_id'])}</td><td>{row['row']}</td><td>{row['difference']:.4g}</td>"
            f"<td>{escape(row['champion'])}</td><td>{escape(row['challenger'])}</td></tr>"
            for row in shadow["worst_rows"]
        )
        head = "".join(f"<th>{title}</th>" for title in ("request", "row", "difference", "champion", "challenger"))
        parts.append(f"<h3>Worst rows</h3><table><tr>{head}</tr>{lines}</table>")
    return parts


def _answers(arms: Mapping[str, Any]) -> list[str]:
    """Return a table of bars for each column of answers: shares of the champion in grey, of the challenger in blue."""
    parts = []
    for column, bins in arms["champion"]["answers"].items():
        other = arms["challenger"]["answers"].get(column, {})
        totals = [sum(item.values()) or 1 for item in (bins, other)]
        if not any(bins.values()) and not any(other.values()):
            continue
        lines = "".join(
            f"<tr><td>{escape(name)}</td>"
            + _bar(bins[name] / totals[0], "champion")
            + _bar(other.get(name, 0) / totals[1], "challenger")
            + "</tr>"
            for name in bins
        )
        parts.append(
            f"<h3>Answers: {escape(column)}</h3><table><tr><th></th><th>champion</th><th>challenger</th></tr>{lines}</table>"
        )
    return parts


def _bars(title: str, bars: Sequence[tuple[str, int]], variant: str) -> str:
    total = sum(count for _, count in bars) or 1
    lines = "".join(f"<tr><td>{escape(name)}</td>{_bar(count / total, variant)}</tr>" for name, count in bars)
    return f"<table><tr><th>{escape(title)}</th><th>share of rows</th></tr>{lines}</table>"


def _bar(share: float, variant: str) -> str:
    return f"<td class='text {variant}'><span class='bar' style='width:{share * BAR_PX:.0f}px'></span> {share:.2%}</td>"


def _text(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
