"""The picture of the measured load points: the use of the core and the latencies at parts of the held rate."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.capacity.figures import ServiceFigures

# Okabe and Ito's colours, which colour-blind readers can distinguish too.
_BLUE, _ORANGE, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#4a5568"


def draw_load(figures: ServiceFigures, path: Path) -> None:
    """Draw three panels: the use of the core against a proportional use, the processor time of a request, and latencies."""
    figure = Figure(figsize=(14, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    use, time, latency = figure.subplots(1, 3)
    limit = f"p{100 * figures.percentile:g} ≤ {1e3 * figures.latency_s:g} ms"
    figure.suptitle(
        f"{figures.model} on one core of {figures.machine_name}: {figures.rate_per_s:,.0f} requests/s at {limit}"
    )
    rates = [point.rate_per_s for point in figures.points]
    use.plot(
        [0, *rates], [0, *(100 * point.cpu_share for point in figures.points)], "o-", color=_BLUE, label="measured"
    )
    use.plot([0, rates[-1]], [0, 100], "--", color=_GREY, label="proportional")
    use.set(title="core used, %", xlabel="requests/s")
    use.legend(frameon=False)
    time.plot(rates, [point.cpu_us for point in figures.points], "o-", color=_BLUE)
    time.set(title="processor time of a request, µs", xlabel="requests/s")
    for name, label, colour, marker in (
        ("p50_ms", "p50", _BLUE, "o"),
        ("p99_ms", "p99", _ORANGE, "s"),
        ("wait_p99_ms", "p99 in the queue", _GREEN, "^"),
    ):
        values = [max(1e-3, getattr(point, name)) for point in figures.points]
        latency.plot(rates, values, f"{marker}-", color=colour, label=label)
    latency.axhline(1e3 * figures.latency_s, color=_GREY, linestyle="--", linewidth=1)
    latency.set(title="latency, ms", xlabel="requests/s", yscale="log")
    latency.legend(frameon=False)
    for axes in (use, time, latency):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_xlim(left=0)
    for axes in (use, time):
        axes.set_ylim(bottom=0)
    figure.savefig(path, dpi=110, format="png")
