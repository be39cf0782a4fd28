"""From the rates that each rule of dispatch held to a picture and a table: everything relative to ``coalesce``, which ships."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SHIPPED = "coalesce"
# Okabe and Ito's colours, which colour-blind readers can distinguish too.
_COLOURS = {
    "coalesce": "#0072b2",
    "immediate": "#d55e00",
    "fixed_delay": "#009e73",
    "aimd": "#cc79a7",
    "mean_regression": "#e69f00",
}
_GREY = "#4a5568"


def relative(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[tuple[str, str], float]]:
    """Return each rule's rate as a share of the shipped rule's, by model and arrival shape; 0 if it held no rate.

    If both were measured in the same rounds, it is the median of their shares in these rounds. A cell in which the shipped rule was
    not measured, or held no rate, is excluded.
    """
    base = {(run["model"], run["shape"]): run["qps"] for run in runs if run["policy"] == SHIPPED and run["qps"]}
    shares: dict[str, dict[tuple[str, str], float]] = {}
    for run in runs:
        cell = run["model"], run["shape"]
        if cell in base:
            paired = run.get("share")
            shares.setdefault(run["policy"], {})[cell] = (
                paired["median"] if paired else (run["qps"] or 0.0) / base[cell]
            )
    return shares


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean; 0 if a value is 0 or there is no value."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values and min(values) > 0 else 0.0


def markdown(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the table: a row for each model and arrival shape, a column for each rule, geometric means of shares below."""
    shares = relative(runs)
    rates = {(run["model"], run["shape"], run["policy"]): run["qps"] for run in runs}
    policies = [SHIPPED, *(policy for policy in shares if policy != SHIPPED)]
    cells = list(dict.fromkeys((run["model"], run["shape"]) for run in runs))
    lines = ["| model, arrivals | " + " | ".join(policies) + " |", "| --- |" + " --- |" * len(policies)]
    for model, shape in cells:
        row = (rates.get((model, shape, policy)) for policy in policies)
        texts = ("–" if rate is None else f"{rate:,.0f}" for rate in row)
        lines.append(f"| {model}, {shape} | " + " | ".join(texts) + " |")
    means = (geometric_mean(list(shares.get(policy, {}).values())) for policy in policies)
    lines.append(f"| share of {SHIPPED}, geometric mean | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    return "\n".join(lines) + "\n"


def draw(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw a bar for each rule in each cell, relative to the shipped rule."""
    shares = relative(runs)
    cells = list(dict.fromkeys((run["model"], run["shape"]) for run in runs))
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    width = 0.8 / max(1, len(shares))
    for number, (policy, values) in enumerate(shares.items()):
        places = [cell_index + (number - (len(shares) - 1) / 2) * width for cell_index in range(len(cells))]
        axes.bar(
            places, [values.get(cell, 0.0) for cell in cells], 0.92 * width, label=policy, color=_COLOURS.get(policy)
        )
    axes.axhline(1.0, color=_GREY, linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(cells)), [f"{model}\n{shape}" for model, shape in cells])
    axes.set(ylabel=f"QPS@p99≤SLO as a share of {SHIPPED}", title="Rules of dispatch, live, one server core")
    axes.legend(frameon=False, ncols=len(shares), loc="upper center", bbox_to_anchor=(0.5, -0.12))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, format="png")
