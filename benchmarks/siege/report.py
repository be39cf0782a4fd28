"""One table and one picture of a siege's results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.siege.verdict import faults, slower

_P50_COLOUR, _P99_COLOUR, _GREY = "#0072b2", "#d55e00", "#4a5568"
_NONE = "–"


def markdown(results: Mapping[str, Any]) -> str:
    """Return the summary, the faults, and a table with a line for each round."""
    machine, stop, base = results["machine"], results["stop"], results["baseline"]
    rounds = results["rounds"]
    total = sum(entry["requests"] for entry in rounds)
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']};"
        f" {results['minutes']:g} minutes, {results['clients']} good clients, seed {results['seed']};"
        f" `{results['command']}`, {results['measured_at']}.",
        "",
        "| measurement | result | limit |",
        "| --- | --- | --- |",
        f"| good clients' requests | {total:,} | |",
        *(f"| of them {name} | {sum(entry[name] for entry in rounds):,} | 0 |" for name in ("hung", "wrong", "lost")),
        f"| of them refused | {results['refused_share']:.3%} | ≤ 1% |",
        f"| p50, p99 without attackers | {_ms(base['p50_ms'])}, {_ms(base['p99_ms'])} ms | |",
        f"| most in flight after a round | {max(entry['in_flight'] for entry in rounds):g} | 0 |",
        f"| answers by the watchdog | {'not counted' if results['watchdog'] is None else format(results['watchdog'], 'g')} | 0 |",
        f"| memory, growth | {results['growth_mib']:+.1f} MiB | ≤ +20 MiB |",
        f"| SIGTERM to the end, under attack | {'killed' if stop['seconds'] is None else format(stop['seconds'], 'g') + ' s'}"
        f" | ≤ {stop['bound_s']:g} s |",
        "",
    ]
    fault_lines = faults(results)
    lines += [f"**{len(fault_lines)} faults.**" if fault_lines else "**No fault.**", ""]
    lines += [f"- {line}" for line in fault_lines] + [""] * bool(fault_lines)
    if slow := slower(results):
        lines += ["More than twice the p99 without attackers while the core was free:", ""]
        lines += [f"- {line}" for line in slow] + [""]
    lines += [
        "| attackers | p50, ms | p99, ms | refused | hung, wrong, lost | core | in flight | MiB | outcomes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for entry in rounds:
        refused_share = entry["refused"] / entry["requests"] if entry["requests"] else 0.0
        core = _NONE if entry["core_share"] is None else f"{entry['core_share']:.0%}"
        lines.append(
            f"| {entry['name']} | {_ms(entry['p50_ms'])} | {_ms(entry['p99_ms'])} | {refused_share:.2%}"
            f" | {entry['hung']}, {entry['wrong']}, {entry['lost']} | {core} | {entry['in_flight']:g}"
            f" | {entry['rss_mib']:.0f} | {_outcomes(entry['outcomes'])} |"
        )
    return "\n".join(lines) + "\n"


def _ms(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"


def _outcomes(outcomes: Mapping[str, Mapping[str, int]]) -> str:
    """Return the outcomes of all kinds of a round together, the most frequent first."""
    sums: dict[str, int] = {}
    for counts in outcomes.values():
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
    return ", ".join(f"{count:,} {name}" for name, count in sorted(sums.items(), key=lambda pair: -pair[1]))


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw the good clients' p50 and p99 of each round, with the p99 without attackers as a line."""
    rounds = results["rounds"]
    figure = Figure(figsize=(10, 1.4 + 0.26 * len(rounds)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for entry, place in zip(rounds, range(len(rounds), 0, -1), strict=True):
        if entry["p50_ms"] is not None:
            axes.plot([entry["p50_ms"], entry["p99_ms"]], [place, place], color="#cbd5e0", linewidth=2, zorder=1)
            axes.plot(entry["p50_ms"], place, "o", color=_P50_COLOUR, label="p50")
            axes.plot(entry["p99_ms"], place, "s", color=_P99_COLOUR, label="p99")
    if results["baseline"]["p99_ms"]:
        axes.axvline(results["baseline"]["p99_ms"], color=_GREY, linestyle=":", label="p99 without attackers")
    axes.set_yticks(range(len(rounds), 0, -1), [entry["name"] for entry in rounds], fontsize=8)
    axes.set_xscale("log")
    axes.set(xlabel="good clients' latency in milliseconds", title="Good clients beside attackers of each kind")
    axes.spines[["top", "right"]].set_visible(False)
    named = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(named.values(), named.keys(), frameon=False, loc="lower right")
    figure.savefig(path, dpi=110, format="png")
