"""How do ways to scale a service compare on the traffic of a day? A simulation with the measured figures of one core.

Each way sees its metrics with their delays and starts replicas that need time to become ready. The traffic is a synthetic day with a rhythm,
noise and a burst, or a CSV file of your own. Writes ``capacity_day.json``, ``.md`` and ``.png``, and ``capacity.png``
with the measured load points.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.capacity.cluster import Course, StartTimes, Strategy, simulate_all
from benchmarks.capacity.day_picture import draw_day
from benchmarks.capacity.figures import ServiceFigures, read_figures
from benchmarks.capacity.guide import (
    EXAMPLES_BEGIN,
    EXAMPLES_END,
    LOAD_BEGIN,
    LOAD_END,
    examples_table,
    load_table,
)
from benchmarks.capacity.load_picture import draw_load
from benchmarks.capacity.plan import replicas_for_rate
from benchmarks.capacity.strategies import LOAD, make_strategies
from benchmarks.capacity.traffic import Trace, read_trace, synthetic_day
from benchmarks.document_table import write_between
from benchmarks.process import ROOT, BenchmarkError
from tabento.errors import TabentoError

RESULTS = ROOT / "benchmarks" / "results"
FIGURES = RESULTS / "capacity.json"
BEGIN, END = "<!-- capacity-day -->", "<!-- /capacity-day -->"
LOAD_PICTURE = "![Use of the core, processor time of a request, latencies](../benchmarks/results/capacity.png)"
DAY_PICTURE = "![Traffic, replicas, and refused requests around the burst](../benchmarks/results/capacity_day.png)"
"""The links of the document; it is in docs, and the pictures are in the folder of results."""
PEAK_REPLICAS = 4.0
"""The default peak of the rhythm, as a multiple of the planned load of one replica."""
ENOUGH = 0.999


def summary(course: Course, cores: float = 1.0, core_hour: float | None = None) -> dict[str, Any]:
    """Return the figures of a course for JSON."""
    late_or_refused = course.late + course.refused
    return {
        "requests": int(course.offered.sum()),
        "in_time_share": round(course.in_time_share, 7),
        "refused": round(float(course.refused.sum())),
        "late": round(float(course.late.sum())),
        "bad_seconds": course.seconds_below(ENOUGH),
        "worst_minute_share": round(_worst_minute(course.offered, late_or_refused), 5),
        "replicas_mean": round(float(course.running.mean()), 3),
        "replicas_most": int(course.running.max()),
        "changes": int(np.count_nonzero(np.diff(course.running))),
        "core_hours": round(course.replica_hours * cores, 2),
        "cost": None if core_hour is None else round(course.replica_hours * cores * core_hour, 2),
    }


def _worst_minute(offered: np.ndarray[Any, Any], bad: np.ndarray[Any, Any]) -> float:
    """Return the largest share of a minute's requests that were late or refused."""
    minutes = len(offered) // 60
    if not minutes:
        return float(bad.sum() / max(1, offered.sum()))
    totals, bads = (values[: minutes * 60].reshape(minutes, 60).sum(axis=1) for values in (offered, bad))
    return float((bads / np.maximum(totals, 1)).max())


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table."""
    rows = results["strategies"]
    has_cost = any(row["cost"] is not None for row in rows)
    titles = ["way", "answered in time", "refused or late", "worst minute", "replicas, mean · most", "core hours"]
    lines = [
        f"{results['model']}, {results['trace']}: {rows[0]['requests']:,} requests, at most {results['peak_per_s']:,.0f}/s;"
        f" a replica holds {results['rate_per_s']:,.0f}/s and is ready {results['start_s']:g} s after it was asked for.",
        "",
        "| " + " | ".join([*titles, *(["cost"] if has_cost else [])]) + " |",
        "| --- " * (len(titles) + has_cost) + "|",
    ]
    for row in rows:
        cells = [
            row["title"],
            f"{100 * row['in_time_share']:.4f}%",
            f"{row['refused'] + row['late']:,}",
            f"{100 * row['worst_minute_share']:.1f}%",
            f"{row['replicas_mean']:.1f} · {row['replicas_most']}",
            f"{row['core_hours']:,.0f}",
            *([f"{row['cost']:,.2f}"] if has_cost else []),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def simulate_day(
    trace: Trace,
    figures: ServiceFigures,
    start: StartTimes,
    *,
    replicas_least: int,
    replicas_most: int,
    seed: int,
    core_hour: float | None = None,
    sheds: bool = True,
) -> tuple[dict[str, Any], list[Strategy], dict[str, Course]]:
    """Return the results for JSON, the strategies, and the course of each."""
    strategies = make_strategies(trace, figures, replicas_least, replicas_most)
    courses = simulate_all(trace, strategies, figures, start, seed=seed, sheds=sheds)
    results = {
        "model": figures.model,
        "measured_at": figures.measured_at,
        "machine": figures.machine,
        "rate_per_s": figures.rate_per_s,
        "trace": trace.name,
        "peak_per_s": float(trace.rates_per_s.max()),
        "start": asdict(start),
        "start_s": start.seconds(0),
        "replicas_least": replicas_least,
        "replicas_most": replicas_most,
        "seed": seed,
        "sheds": sheds,
        "strategies": [
            {"name": strategy.name, "title": strategy.title, **summary(courses[strategy.name], core_hour=core_hour)}
            for strategy in strategies
        ],
    }
    return results, strategies, courses


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity.day", description=__doc__)
    parser.add_argument("--figures", type=Path, default=FIGURES, help="written by `tabento capacity --save`")
    parser.add_argument("--trace", type=Path, help="a CSV file with the columns start_s and requests")
    parser.add_argument("--peak", type=float, help="the highest rate of the synthetic rhythm, per second")
    parser.add_argument("--burst", type=float, default=5.0, help="the burst of the synthetic day (default 5 times)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=int, default=3, help="the least number of replicas (default 3)")
    parser.add_argument("--most", type=int, help="the largest number (default: twice the number for the highest rate)")
    parser.add_argument("--pull-s", type=float, default=10.0, help="the pull of the image (default 10 s)")
    parser.add_argument(
        "--node-s", type=float, default=0.0, help="the start of a node for replicas beyond --nodes-hold"
    )
    parser.add_argument(
        "--nodes-hold", type=int, default=1_000_000, help="the replicas that running nodes have room for"
    )
    parser.add_argument("--price-per-core-hour", type=float, help="adds the cost of the day")
    parser.add_argument(
        "--without-admission", action="store_true", help="replicas queue without a bound instead of refusing"
    )
    parser.add_argument("--folder", type=Path, default=RESULTS)
    parser.add_argument("--document", type=Path, help="write all tables between their markers in this document")
    options = parser.parse_args(arguments)
    try:
        figures = read_figures(options.figures)
        peak = options.peak or PEAK_REPLICAS * LOAD * figures.rate_per_s
        trace = read_trace(options.trace) if options.trace else synthetic_day(peak, options.burst, options.seed)
        start = StartTimes(
            pull_s=options.pull_s, ready_s=figures.ready_s, node_s=options.node_s, nodes_hold=options.nodes_hold
        )
        replicas_most = options.most or 2 * replicas_for_rate(float(trace.rates_per_s.max()), LOAD * figures.rate_per_s)
        results, strategies, courses = simulate_day(
            trace,
            figures,
            start,
            replicas_least=options.least,
            replicas_most=max(replicas_most, options.least),
            seed=options.seed,
            core_hour=options.price_per_core_hour,
            sheds=not options.without_admission,
        )
        options.folder.mkdir(parents=True, exist_ok=True)
        path = options.folder / "capacity_day.json"
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        table = markdown(results)
        path.with_suffix(".md").write_text(table + "\n", encoding="utf-8")
        draw_load(figures, options.folder / "capacity.png")
        draw_day(trace, strategies, courses, path.with_suffix(".png"))
        if options.document is not None:
            write_between(options.document, BEGIN, END, f"{table}\n\n{DAY_PICTURE}")
            write_between(options.document, LOAD_BEGIN, LOAD_END, f"{load_table(figures)}\n\n{LOAD_PICTURE}")
            write_between(options.document, EXAMPLES_BEGIN, EXAMPLES_END, examples_table(options.figures))
    except (BenchmarkError, TabentoError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(table + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
