"""The picture of the judge's document: a bar for each table, divided by outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.judge.judgement import OUTCOMES, Result

COLOURS = {
    "equal": "#2a7f62",
    "knife edge": "#8fc9a8",
    "refused": "#b9c0c8",
    "skipped": "#e6e8eb",
    "not proven": "#e0a63c",
    "raw error": "#7d4e9e",
    "LIE": "#c0392b",
}
PLOTTED_OUTCOMES = ("equal", "knife edge", "refused", "not proven", "raw error", "LIE", "skipped")


def draw_outcomes(results: Sequence[Result], path: Path) -> None:
    """Plot the shares of the outcomes by table, and write the plot as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = list(dict.fromkeys(result.group for result in results))[::-1]
    counts = {group: Counter(result.outcome for result in results if result.group == group) for group in groups}
    figure = Figure(figsize=(8, 1.4 + 0.27 * len(groups)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    left = [0.0] * len(groups)
    for outcome in PLOTTED_OUTCOMES:
        assert outcome in OUTCOMES
        shares = [100 * counts[group][outcome] / counts[group].total() for group in groups]
        if any(shares):
            total = sum(counts[group][outcome] for group in groups)
            axes.barh(range(len(groups)), shares, left=left, color=COLOURS[outcome], label=f"{outcome} ({total})")
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axes.set_yticks(range(len(groups)), [f"{group} ({counts[group].total()})" for group in groups])
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the pipelines, %")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": ""})
