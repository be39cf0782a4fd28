"""One picture and one table of a results file.

A results file is JSON: ``{"title", "slo_ms", "machine", "servers": [{"name", "capacity", "share", "overload"}]}``, where
``capacity`` and ``share`` are answers of ``benchmarks.scenarios`` and ``overload`` is a list of them. Every key
except the name may be missing.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

# Okabe and Ito's colours, which colour-blind readers can distinguish too; markers distinguish the second round from the first.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_MARKERS = ("o", "s", "^", "D")
_GREY = "#4a5568"
_NONE = "–"


def write_report(results: Mapping[str, Any], picture: Path, table: Path) -> None:
    """Write the picture (PNG) and the table (Markdown) of a results file's content.

    Raises:
        ValueError: it contains no server, or a server has no name.
    """
    servers = _servers(results)
    draw(results, servers, picture)
    table.write_text(markdown(results), encoding="utf-8")


def draw(results: Mapping[str, Any], servers: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw four panels: capacity, good answers under overload, and p50 and p99 against the rate."""
    figure = Figure(figsize=(15, 4.6 + 4.4 + 0.32 * len(servers)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2, height_ratios=[2.2 + 0.32 * len(servers), 4.4])
    machine = results.get("machine", {})
    about = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}" if machine else ""
    figure.suptitle("\n".join(line for line in (results.get("title", "Benchmark"), about) if line), fontsize=13)
    _capacities(panels[0, 0], servers, results["slo_ms"])
    _goodput(panels[0, 1], servers)
    for axes, quantile in ((panels[1, 0], "p50"), (panels[1, 1], "p99")):
        _latencies(axes, servers, quantile, results["slo_ms"])
    handles, labels = panels[1, 1].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(handles)), frameon=False)
    figure.savefig(path, dpi=110, format="png")


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table: a row for each server, the fastest first."""
    servers = _servers(results)
    factors = sorted({run["factor"] for server in servers for run in server.get("overload", [])})
    slo = f"{results['slo_ms']:g} ms"
    heads = ["server", f"QPS@p99≤{slo}", "p50, p99 at half load"]
    heads += [f"{factor:g}× capacity: good share · p99 accepted · p99 refused" for factor in factors]
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " --- |" * (len(heads) - 1)]
    for server in servers:
        capacity, share = server.get("capacity", {}), server.get("share", {})
        half = share.get("accepted_ms")
        cells = [server["name"], _qps_text(capacity, results["slo_ms"])]
        cells.append(f"{_ms(half, 'p50')} · {_ms(half, 'p99')}" if half else _NONE)
        for factor in factors:
            run = next((run for run in server.get("overload", []) if run["factor"] == factor), None)
            cells.append(
                f"{run['goodput_share']:.2f} · {_ms(run['accepted_ms'], 'p99')} · {_ms(run['refused_ms'], 'p99')}"
                + ("" if run.get("valid", True) else " (void)")
                if run
                else _NONE
            )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _servers(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the servers, the fastest first."""
    servers = list(results.get("servers", []))
    if not servers or not all(server.get("name") for server in servers):
        raise ValueError('expected at least one server in "servers", each with a name; see docs of benchmarks.report')
    return sorted(servers, key=lambda server: -(_qps(server) or 0.0))


def _qps(server: Mapping[str, Any]) -> float | None:
    qps: float | None = server.get("capacity", {}).get("qps")
    return qps


def _qps_text(capacity: Mapping[str, Any], slo_ms: float) -> str:
    """Return a capacity as text, with notes on its limits."""
    if not capacity:
        return _NONE
    text = "none holds" if capacity["qps"] is None else f"{capacity['qps']:,.0f}"
    notes = []
    if capacity.get("slo_ms", slo_ms) != slo_ms:
        notes.append(f"at {capacity['slo_ms']:g} ms")
    if capacity.get("limited_by") == "generator":
        notes.append("generator's limit")
    if capacity.get("limited_by") == "search":
        notes.append("highest rate tried")
    return f"{text} ({'; '.join(notes)})" if notes else text


def _ms(figures: Mapping[str, float] | None, name: str) -> str:
    return f"{figures[name]:.3g} ms" if figures else _NONE


def _capacities(axes: Axes, servers: Sequence[Mapping[str, Any]], slo_ms: float) -> None:
    """Bars on a log scale: servers differ by factors, not by amounts."""
    measured = [server for server in servers if server.get("capacity")]
    positions = range(len(measured))
    values = [_qps(server) or 0.0 for server in measured]
    axes.barh(positions, values, 0.66, color=[_colour(servers, server) for server in measured])
    axes.set_yticks(positions, [server["name"] for server in measured])
    axes.invert_yaxis()
    lowest = min((value for value in values if value), default=1.0)
    highest = max(values, default=1.0) or 1.0
    # Room to the right of the longest bar for its label, in decades, because the scale is logarithmic.
    decades = math.log10(highest / lowest) + 1
    axes.set(xscale="log", xlim=(lowest / 3, highest * 10 ** (0.35 * decades)))
    for position, value, server in zip(positions, values, measured, strict=True):
        # A server that holds no rate has no bar: its label is at the start of the bar.
        text = axes.annotate(
            _qps_text(server["capacity"], slo_ms), (value or lowest / 3, position), (4, 0), textcoords="offset points"
        )
        text.set(fontsize=9, verticalalignment="center")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _format_short(value)))
    axes.set(title=f"Highest rate with p99 ≤ {slo_ms:g} ms", xlabel="requests per second (log scale)")
    axes.spines[["top", "right"]].set_visible(False)


def _goodput(axes: Axes, servers: Sequence[Mapping[str, Any]]) -> None:
    """Predictions within the SLO under overload, as a share of capacity."""
    measured = [server for server in servers if server.get("overload")]
    factors = sorted({run["factor"] for server in measured for run in server["overload"]})
    height = 0.8 / max(1, len(factors))
    for number, factor in enumerate(factors):
        factor_runs = [
            (index, run)
            for index, server in enumerate(measured)
            for run in server["overload"]
            if run["factor"] == factor
        ]
        positions = [index + (number - (len(factors) - 1) / 2) * height for index, _ in factor_runs]
        colours = [_colour(servers, measured[index]) for index, _ in factor_runs]
        bars = axes.barh(positions, [100 * run["goodput_share"] for _, run in factor_runs], 0.9 * height, color=colours)
        for bar in bars:
            bar.set_alpha(1 - 0.5 * number / max(1, len(factors)))
        texts = [f"{100 * run['goodput_share']:.0f}%  at {factor:g}×" for _, run in factor_runs]
        for label in axes.bar_label(bars, labels=texts, padding=4, fontsize=9):
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    axes.set_yticks(range(len(measured)), [server["name"] for server in measured])
    axes.invert_yaxis()
    axes.axvline(100, color=_GREY, linewidth=0.8, linestyle=":", zorder=0)
    axes.set(
        xlim=(0, 125), title="Overload: predictions within the SLO", xlabel="share of the server's own capacity (%)"
    )
    axes.spines[["top", "right"]].set_visible(False)


def _latencies(axes: Axes, servers: Sequence[Mapping[str, Any]], quantile: str, slo_ms: float) -> None:
    """A quantile of accepted requests against the rate, over the valid runs of the search."""
    for server in servers:
        runs = [
            run for run in server.get("capacity", {}).get("runs", []) if run.get("valid") and run.get("accepted_ms")
        ]
        points = sorted((run["rate_per_s"], run["accepted_ms"][quantile]) for run in runs)
        if points:
            palette_round = list(servers).index(server) // len(_COLOURS)
            axes.plot(
                *zip(*points, strict=True),
                color=_colour(servers, server),
                marker=_MARKERS[palette_round % len(_MARKERS)],
                linestyle="--" if palette_round else "-",
                markersize=4,
                linewidth=1.4,
                label=server["name"],
            )
    axes.axhline(slo_ms, color=_GREY, linewidth=1, linestyle="--")
    axes.annotate(
        f"SLO {slo_ms:g} ms", (0.01, slo_ms), (0, 3), xycoords=("axes fraction", "data"), textcoords="offset points"
    ).set(fontsize=9, color=_GREY)
    axes.set(xscale="log", yscale="log", title=f"{quantile} of accepted requests against the rate")
    axes.set(xlabel="scheduled requests per second (log scale)", ylabel="ms from the scheduled arrival (log scale)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: _format_short(value)))
    axes.grid(alpha=0.25, which="major")
    axes.spines[["top", "right"]].set_visible(False)


def _colour(servers: Sequence[Mapping[str, Any]], server: Mapping[str, Any]) -> str:
    return _COLOURS[list(servers).index(server) % len(_COLOURS)]


def _format_short(value: float) -> str:
    """Write a number briefly: 0.1, 12, 1,500, 20k."""
    return f"{value / 1e3:,.4g}k" if value >= 1e4 else f"{value:,.4g}"


def main() -> int:
    """Read a results file and write picture and table to the same folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("results", type=Path, help="the JSON file; NAME.png and NAME.md are written beside it")
    path = parser.parse_args().results
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        write_report(results, path.with_suffix(".png"), path.with_suffix(".md"))
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"error: {path}: expected a results file, got {error!r}\n")
        return 1
    sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
