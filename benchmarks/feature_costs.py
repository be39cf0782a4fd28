"""The cost of features of the service: the same service with each of them on, measured in turns against the service without them.

All services run at the same time on the same core. For the service with everything on and for the one with everything off:
the rate that each holds within the p99 limit (``benchmarks.staircase``), and its p99 at half of the lower rate. For each
feature: the processor time of a request in the worker, and in the monitor process if the service has one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.bodies import BenchModel, load_model
from benchmarks.model_results import measure_models
from benchmarks.peers.registry import PEERS
from benchmarks.pinned_servers import REPEATS, PinnedServer, alternating, measure_cpu_us, start_pinned
from benchmarks.process import ROOT, BenchmarkError, unwind_on_sigterm
from benchmarks.run import RESULTS, START_PER_S, requests_of
from benchmarks.staircase import climb, ratio

OFF, ALL = "off", "all"
LAST_STEP = 1.015
"""The last steps of the rate are smaller than two per cent: the services are alike."""
CPU_SHARE = 0.4
"""The share of the rate at which the processor time of a request is measured."""
HALF = 0.5
P99_RUN_S = 5.0
"""The duration of a run that measures the p99 at half load."""
PLENTY = 1_000_000_000
"""A rate that no load of a benchmark uses up: the limit is counted for each request, and never reached."""
_COUNTS = tuple(
    f"tabento_{name}_total" for name in ("recorded_rows", "monitor_dropped_rows", "monitor_rows", "log_rows")
)
"""The counts of rows that are part of the results."""


@dataclass(frozen=True)
class Variant:
    """A service with some features on."""

    title: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings of the service."""
    has_keys: bool = False
    """Whether the service has a key file, and requests have a key."""
    has_limit: bool = False
    """Whether the key has a limit."""


def make_key(path: Path, limited: bool) -> str:
    """Make a key file with one key by the command, and return the secret.

    Raises:
        BenchmarkError: the command failed.
    """
    limits = ("--requests-per-minute", str(PLENTY), "--rows-per-minute", str(PLENTY)) if limited else ()
    command = (sys.executable, "-m", "tabento", "keys", "create", "--file", str(path), "--owner", "benchmark", *limits)
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if process.returncode:
        raise BenchmarkError(f"{' '.join(command)} failed:\n{process.stdout}{process.stderr}")
    return process.stdout.strip()


def measure(
    model: BenchModel, variants: Mapping[str, Variant], names: Sequence[str], rounds: int, seconds: float
) -> dict[str, Any]:
    """Return the rates with all features off and on, their ratio, and the processor time of a request with each feature.

    Args:
        model: the model that all services serve.
        variants: the services by name, among them ``off`` and ``all``.
        names: the variants whose processor time is measured; ``off`` and ``all`` are always among them.
        rounds: the number of runs of each service that is searched for its rate.
        seconds: the length of a run.

    Raises:
        BenchmarkError: a service does not start.
    """
    peer = PEERS["tabento"]
    with tempfile.TemporaryDirectory(prefix="features-") as folder, ExitStack() as up:
        servers = {}
        for name in dict.fromkeys((OFF, ALL, *names)):
            variant = variants[name]
            headers = {}
            environment = {"TABENTO_MONITORING_FOLDER": str(Path(folder) / name), **variant.environment}
            if variant.has_keys:
                path = Path(folder) / f"{name}.json"
                headers["x-api-key"] = make_key(path, variant.has_limit)
                environment["TABENTO_API_KEYS_FILE"] = str(path)
            servers[name] = start_pinned(up, model, requests_of(peer, model, headers=headers), ROOT, environment)
        start = START_PER_S.get("tabento", 200.0)
        questions = {name: (servers[name].target.poisson, servers[name].target.slo_s, start) for name in (OFF, ALL)}
        stairs = climb(questions, rounds, seconds, last_step=LAST_STEP)
        rates = {name: stair.to_json() for name, stair in stairs.items()}
        half_rate = min(rate["qps"] for rate in rates.values()) * HALF
        return {
            "model": model.name,
            "slo_ms": servers[OFF].target.slo_s * 1e3,
            "servers": rates,
            "ratio": ratio(stairs[ALL], stairs[OFF]),
            "half_load": measure_p99_ms({name: servers[name] for name in (OFF, ALL)}, half_rate),
            "cpu_us": measure_cpu_us(servers, rates[OFF]["qps"] * CPU_SHARE),
            "monitor_cpu_us": measure_cpu_us(
                {name: server for name, server in servers.items() if server.monitor is not None},
                rates[OFF]["qps"] * CPU_SHARE,
                of_monitor=True,
            ),
            "counts": read_counts(servers[ALL]),
        }


def measure_p99_ms(servers: Mapping[str, PinnedServer], rate_per_s: float) -> dict[str, Any]:
    """Return the p99 of each service at a rate, in milliseconds: the median of several runs in turns."""
    p99_ms: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(REPEATS):
        for name, server in alternating(servers, number):
            run = server.target.poisson(rate_per_s, P99_RUN_S, 401 + number)
            p99_ms[name].append(float(np.quantile(run.latencies_s(), 0.99)) * 1e3)
    return {"rate_per_s": round(rate_per_s, 1)} | {name: round(float(np.median(p99_ms[name])), 3) for name in servers}


def read_counts(server: PinnedServer) -> dict[str, float]:
    """Return the rows that a service has recorded, dropped and logged, from its metrics."""
    return {name: value for name, value in server.read_metrics().items() if name.startswith(_COUNTS)}


def markdown(results: Mapping[str, Any], variants: Mapping[str, Variant]) -> str:
    """Return a table of the rates, and a table of the costs."""
    lines = []
    for model in results["models"]:
        lines += [f"**{model['model']}**, p99 ≤ {model['slo_ms']:g} ms", ""]
        off, on, ratio_, half = model["servers"][OFF], model["servers"][ALL], model["ratio"], model.get("half_load")
        lines += [
            "| service | rate held | of the rate with all off | p99 at half load, ms |",
            "| --- | --- | --- | --- |",
            f"| {variants[OFF].title} | {off['qps']:,.0f} | | {half[OFF] if half else '-'} |",
            f"| {variants[ALL].title} | {on['qps']:,.0f} | **{ratio_['median']:.3f}**"
            f" ({ratio_['low']:.3f} to {ratio_['high']:.3f}) | {half[ALL] if half else '-'} |",
            "",
            "| feature | processor time of a request, µs | more than off, µs |",
            "| --- | --- | --- |",
        ]
        base_us = model["cpu_us"][OFF][0]
        for name, (median_us, low_us, high_us) in model["cpu_us"].items():
            additional_us = "" if name == OFF else f"{median_us - base_us:+.1f}"
            lines.append(
                f"| {variants[name].title} | {median_us:.1f} ({low_us:.1f} to {high_us:.1f}) | {additional_us} |"
            )
        for name, (median_us, low_us, high_us) in model.get("monitor_cpu_us", {}).items():
            lines.append(
                f"| {variants[name].title}: the monitor process | {median_us:.1f} ({low_us:.1f} to {high_us:.1f}) | |"
            )
        lines.append("")
        if counts := model.get("counts"):
            lines += [
                "| rows | count |",
                "| --- | --- |",
                *(f"| `{name}` | {count:,.0f} |" for name, count in counts.items()),
                "",
            ]
    return "\n".join(lines)


def draw(results: Mapping[str, Any], path: Path, variants: Mapping[str, Variant]) -> None:
    """Draw the processor time of a request with each feature."""
    figure = Figure(figsize=(9, 3.2 * len(results["models"])), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(results["models"]), squeeze=False)[:, 0]
    for axes, model in zip(panels, results["models"], strict=True):
        titles = [variants[name].title for name in model["cpu_us"]]
        medians_us = [values[0] for values in model["cpu_us"].values()]
        axes.barh(titles, medians_us, color="#4c72b0")
        axes.axvline(model["cpu_us"][OFF][0], color="#555555", linewidth=1, linestyle=":")
        axes.invert_yaxis()
        axes.set(title=model["model"], xlabel="processor time of a request, µs")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, format="png")


def run(name: str, description: str | None, variants: Mapping[str, Variant], arguments: Sequence[str] | None) -> int:
    """Read the command line, measure, write ``name.json``, ``.md`` and ``.png``, and print the tables; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--models", nargs="+", default=["california"])
    parser.add_argument("--features", nargs="+", default=list(variants), choices=list(variants))
    parser.add_argument("--rounds", type=int, default=40, help="the number of runs of each service (default 40)")
    parser.add_argument("--seconds", type=float, default=1.5, help="the length of a run (default 1.5)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    return measure_models(
        options.models,
        options.folder / f"{name}.json",
        lambda model: measure(load_model(model), variants, options.features, options.rounds, options.seconds),
        partial(markdown, variants=variants),
        partial(draw, variants=variants),
    )
