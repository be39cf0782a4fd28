"""The queries of the dashboard as a picture: a real service under load, scraped by a real Prometheus, drawn with Matplotlib.

The load has four parts of equal length: rows of the test part, then twice as many of them, then rows whose largest feature is
shifted, then these rows with invalid ones among them. The truths are made up: the prediction with a random error. Prometheus must be
installed, see ``benchmarks.prometheus_server``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.bodies import load_model, read_bodies
from benchmarks.process import ROOT, serve_bento, unwind_on_sigterm
from benchmarks.prometheus_server import Prometheus, running_prometheus
from deploy.grafana.panels import ROWS, Limits, Panel, expand_query

PICTURE = ROOT / "docs/images/dashboard.png"
SEED = 3
SHIFT_FACTOR = 1.8
INVALID_SHARE = 0.08
RATE_INTERVAL = "15s"
STEP_S = 2.0
SETTLE_S = 5.0
"""The seconds after the load in which the last numbers are scraped."""
COLUMNS = 5
TRUTHS = 100
"""The number of predictions after which their truths are sent."""
NOISE, SHIFTED_NOISE = 0.15, 0.35
"""The standard deviations of the relative errors of the made-up truths, without and with a shift."""
FEEDBACK_PATH = "/feedback"
COLORS = {"OK": "#4f9d56", "WARN": "#d9a514", "ALERT": "#c4392f"}
PERCENT = "percentunit"


@dataclass(frozen=True)
class Phase:
    """One part of the load."""

    name: str
    rate_factor: float
    bodies: list[bytes]
    noise: float
    """The standard deviation of the relative errors of the truths."""


def load_phases(rows: Sequence[dict[str, Any]]) -> list[Phase]:
    """Return the parts of the load.

    Args:
        rows: rows as a client sends them.
    """
    rng = random.Random(SEED)  # noqa: S311 - a seeded load, not a secret
    numbers = [name for name, value in rows[0].items() if isinstance(value, int | float) and value is not True]
    feature = max(numbers, key=lambda name: np.ptp([row[name] or 0 for row in rows]))
    shifted = [{**row, feature: None if row[feature] is None else row[feature] * SHIFT_FACTOR} for row in rows]
    mixed = [{**row, feature: "unknown"} if rng.random() < INVALID_SHARE else row for row in shifted]
    phases = (
        ("rows of the test part", 1.0, rows, NOISE),
        ("twice the rate", 2.0, rows, NOISE),
        (f"{feature} × {SHIFT_FACTOR:g}", 2.0, shifted, SHIFTED_NOISE),
        (f"and {INVALID_SHARE:.0%} invalid", 2.0, mixed, SHIFTED_NOISE),
    )
    return [
        Phase(name, factor, [json.dumps(row).encode() for row in content], noise)
        for name, factor, content, noise in phases
    ]


def send(address: str, phase: Phase, rate_per_s: float, seconds: float) -> int:
    """Send requests at a constant rate over one connection, and truths of their numbers; return the number of answers.

    A service without feedback refuses the truths, and the panels of quality then show no data.
    """
    rng = random.Random(SEED)  # noqa: S311 - a seeded load, not a secret
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    headers = {"content-type": "application/json"}
    start_s = time.perf_counter()
    number = 0
    truths: list[dict[str, Any]] = []
    try:
        while number < rate_per_s * seconds:
            wait_s = start_s + number / rate_per_s - time.perf_counter()
            if wait_s > 0:
                time.sleep(wait_s)
            connection.request("POST", "/predict", phase.bodies[number % len(phase.bodies)], headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
            number += 1
            if response.status == http.HTTPStatus.OK and isinstance(answer["prediction"], float):
                truth = answer["prediction"] * (1 + rng.gauss(0, phase.noise))
                truths.append({"request_id": response.headers["x-request-id"], "truth": truth})
            if len(truths) >= TRUTHS:
                connection.request("POST", FEEDBACK_PATH, json.dumps(truths).encode(), headers)
                connection.getresponse().read()
                truths = []
    finally:
        connection.close()
    return number


def panel_rows() -> Iterator[tuple[str, list[Panel]]]:
    """Yield the rows of the picture: at most ``COLUMNS`` panels of one row of the dashboard."""
    for title, panels in ROWS:
        line_panels = [panel for panel in panels if panel.kind == "lines"]
        for begin in range(0, len(line_panels), COLUMNS):
            yield title, line_panels[begin : begin + COLUMNS]


def state_of(value: float, limits: Limits) -> str:
    """Return OK, WARN or ALERT, as the dashboard shows it."""
    if value >= limits.alert:
        return "ALERT"
    return "WARN" if value >= limits.warning else "OK"


def draw(prometheus: Prometheus, start_s: float, end_s: float, marks: Sequence[tuple[str, float]], path: Path) -> None:
    """Draw all panels.

    Args:
        prometheus: answers the queries.
        start_s: the begin of the picture as Unix time in seconds.
        end_s: its end.
        marks: the parts of the load: their names and the seconds after ``start_s`` at which they began.
        path: the picture.
    """
    rows = list(panel_rows())
    figure = Figure(figsize=(17, 1.4 + 2.7 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("; ".join(f"from {begin:.0f} s: {name}" for name, begin in marks), fontsize=11)
    subfigures = figure.subfigures(len(rows) + 1, 1, squeeze=False, height_ratios=[0.5] + [1.0] * len(rows))
    top, *parts = np.asarray(subfigures).flat
    states = [panel for panel in ROWS[0][1] if panel.kind == "status"]
    for axes, panel in zip(top.subplots(1, len(states)), states, strict=True):
        draw_state(axes, panel, prometheus, end_s)
    for (title, panels), part in zip(rows, parts, strict=True):
        places = list(part.subplots(1, COLUMNS).flat)
        for axes in places[len(panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(places, panels, strict=False):
            draw_lines(axes, panel, prometheus, start_s, end_s)
            for _, begin in marks[1:]:
                axes.axvline(begin, color="0.7", linewidth=0.8, linestyle=":")
            axes.set_title(f"{title}: {panel.title}" if panel is panels[0] else panel.title, fontsize=9, loc="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=75, format="png")


def draw_state(axes: Axes, panel: Panel, prometheus: Prometheus, end_s: float) -> None:
    """Draw the state of a panel at the end."""
    (query,) = panel.queries
    assert panel.limits is not None
    series = prometheus.query_range(expand_query(query.expression, RATE_INTERVAL), end_s, end_s, 1.0)
    value = float(series[0]["values"][-1][1]) if series else float("nan")
    state = "no data" if value != value else state_of(value, panel.limits)
    axes.set_facecolor(COLORS.get(state, "0.8"))
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, state, ha="center", va="center", color="white", fontsize=14, transform=axes.transAxes)
    axes.set_title(f"{panel.title} ({value:.2g})", fontsize=9)


def draw_lines(axes: Axes, panel: Panel, prometheus: Prometheus, start_s: float, end_s: float) -> None:
    """Draw the series of a panel over time."""
    factor = 100.0 if panel.unit == PERCENT else 1.0
    n_series = 0
    for query in panel.queries:
        expression = expand_query(query.expression, RATE_INTERVAL)
        for series in prometheus.query_range(expression, start_s, end_s, STEP_S):
            label = query.legend
            for name, value in series["metric"].items():
                label = label.replace(f"{{{{{name}}}}}", value)
            times, values = np.array(series["values"], dtype=float).T
            axes.plot(times - start_s, values * factor, linewidth=1.2, label=label)
            n_series += 1
    axes.set_xlim(0, end_s - start_s)
    axes.tick_params(labelsize=7)
    axes.set_ylabel("%" if panel.unit == PERCENT else panel.unit, fontsize=7)
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    if n_series == 0:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color="0.5", transform=axes.transAxes)
        return
    if axes.dataLim.ymin >= 0:
        top = axes.dataLim.ymax * 1.05 or 1.0
        axes.set_ylim(-0.02 * top, top)
    if n_series <= 12:
        axes.legend(fontsize=6, loc="upper left", framealpha=0.6)
    if panel.limits is not None and axes.get_ylim()[1] >= panel.limits.warning * factor:
        for limit, state in ((panel.limits.warning, "WARN"), (panel.limits.alert, "ALERT")):
            if limit * factor <= axes.get_ylim()[1]:
                axes.axhline(limit * factor, color=COLORS[state], linewidth=0.8, linestyle="--")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard_picture", description=__doc__)
    parser.add_argument("--model", default="california", help="a model of `python -m benchmarks.models`")
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second of the first part (default 100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="the length of each part (default 60)")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    model = load_model(options.model)
    phases = load_phases([body.rows[0] for body in read_bodies(model.single)])
    with tempfile.TemporaryDirectory(prefix="dashboard-") as name:
        folder = Path(name)
        environment = {
            "BENTOML_DO_NOT_TRACK": "True",
            "OMP_NUM_THREADS": "1",
            "TABENTO_MONITORING_FOLDER": str(folder / "monitoring"),
        }
        service = ("service:Tabento", "--arg", f"model={model.tag}")
        with (
            serve_bento(sys.executable, *service, cwd=ROOT, environment=environment) as server,
            running_prometheus(folder / "prometheus", [server.address.removeprefix("http://")]) as prometheus,
        ):
            time.sleep(SETTLE_S)
            start_s = time.time()
            marks = []
            for phase in phases:
                marks.append((phase.name, time.time() - start_s))
                n_answers = send(server.address, phase, options.rate * phase.rate_factor, options.seconds)
                sys.stderr.write(f"{phase.name}: {n_answers:,} answers\n")
            end_s = time.time()
            time.sleep(SETTLE_S)
            draw(prometheus, start_s, end_s, marks, options.picture)
    print(options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
