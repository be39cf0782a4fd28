"""What do keys, limits, cache and headers cost? The same service with each of them on, measured in turns against the service without them.

All services run at the same time on the same core. For the service with everything on and for the one with everything off,
the rate that each holds within the p99 limit (``benchmarks.staircase``); for each feature, the processor time of a request.
Writes ``guard_costs.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.bodies import BenchModel, load_model
from benchmarks.model_results import measure_models
from benchmarks.peers.registry import PEERS
from benchmarks.pinned_servers import measure_cpu_us, start_pinned
from benchmarks.process import ROOT, BenchmarkError, unwind_on_sigterm
from benchmarks.run import RESULTS, START_PER_S, requests_of
from benchmarks.staircase import climb, ratio

OFF, ALL = "off", "all"
LAST_STEP = 1.015
"""The last steps of the rate are smaller than two per cent: the services are alike."""
CPU_SHARE = 0.4
"""The share of the rate at which the processor time of a request is measured."""
PLENTY = 1_000_000_000
"""A rate that no load of a benchmark uses up: the limit is counted for each request, and never reached."""
NO_FEATURES = {"TABENTO_SECURITY_HEADERS": "false"}


@dataclass(frozen=True)
class Variant:
    """A service with some features on."""

    title: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings beside ``NO_FEATURES``."""
    has_keys: bool = False
    """Whether the service has a key file, and requests have a key."""
    has_limit: bool = False
    """Whether the key has a limit."""


VARIANTS = {
    OFF: Variant("all of them off"),
    "headers": Variant("security headers", {"TABENTO_SECURITY_HEADERS": "true"}),
    "keys": Variant("API keys", has_keys=True),
    "limits": Variant("API keys, rate limit of requests and rows", has_keys=True, has_limit=True),
    "addresses": Variant("limit by address", {"TABENTO_ANONYMOUS_REQUESTS_PER_MINUTE": str(PLENTY)}),
    "cache": Variant("cache, and each request is repeated", {"TABENTO_CACHE_BYTES": str(64 << 20)}),
    ALL: Variant("keys, limits, metrics and security headers on", {"TABENTO_SECURITY_HEADERS": "true"}, True, True),
}


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


def measure(model: BenchModel, names: Sequence[str], rounds: int, seconds: float) -> dict[str, Any]:
    """Return the rates with all features off and on, their ratio, and the processor time of a request with each feature.

    Args:
        model: the model that all services serve.
        names: the variants whose processor time is measured; ``off`` and ``all`` are always among them.
        rounds: the number of runs of each service that is searched for its rate.
        seconds: the length of a run.

    Raises:
        BenchmarkError: a service does not start.
    """
    peer = PEERS["tabento"]
    with tempfile.TemporaryDirectory(prefix="keys-") as folder, ExitStack() as up:
        servers = {}
        for name in dict.fromkeys((OFF, ALL, *names)):
            variant = VARIANTS[name]
            environment, headers = {**NO_FEATURES, **variant.environment}, {}
            if variant.has_keys:
                path = Path(folder) / f"{name}.json"
                headers["x-api-key"] = make_key(path, variant.has_limit)
                environment["TABENTO_API_KEYS_FILE"] = str(path)
            servers[name] = start_pinned(up, model, requests_of(peer, model, headers=headers), ROOT, environment)
        start = START_PER_S.get("tabento", 200.0)
        questions = {name: (servers[name].target.poisson, servers[name].target.slo_s, start) for name in (OFF, ALL)}
        stairs = climb(questions, rounds, seconds, last_step=LAST_STEP)
        rates = {name: stair.to_json() for name, stair in stairs.items()}
        return {
            "model": model.name,
            "slo_ms": servers[OFF].target.slo_s * 1e3,
            "servers": rates,
            "ratio": ratio(stairs[ALL], stairs[OFF]),
            "cpu_us": measure_cpu_us(servers, rates[OFF]["qps"] * CPU_SHARE),
        }


def markdown(results: Mapping[str, Any]) -> str:
    """Return a table of the rates, and a table of the costs."""
    lines = []
    for model in results["models"]:
        off, on, ratio_ = model["servers"][OFF], model["servers"][ALL], model["ratio"]
        lines += [
            f"**{model['model']}**, p99 ≤ {model['slo_ms']:g} ms",
            "",
            "| | off | keys, limits, metrics, headers on | on / off |",
            "| --- | --- | --- | --- |",
            f"| rate held | {off['qps']:,.0f} | {on['qps']:,.0f} | **{ratio_['median']:.3f}**"
            f" ({ratio_['low']:.3f} to {ratio_['high']:.3f}) |",
            "",
            "| feature | processor time of a request, µs | more than off, µs |",
            "| --- | --- | --- |",
        ]
        base_us = model["cpu_us"][OFF][0]
        for name, (median_us, low_us, high_us) in model["cpu_us"].items():
            additional_us = "" if name == OFF else f"{median_us - base_us:+.1f}"
            lines.append(
                f"| {VARIANTS[name].title} | {median_us:.1f} ({low_us:.1f} to {high_us:.1f}) | {additional_us} |"
            )
        lines.append("")
    return "\n".join(lines)


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw the processor time of a request with each feature."""
    figure = Figure(figsize=(9, 3.2 * len(results["models"])), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(results["models"]), squeeze=False)[:, 0]
    for axes, model in zip(panels, results["models"], strict=True):
        titles = [VARIANTS[name].title for name in model["cpu_us"]]
        medians_us = [values[0] for values in model["cpu_us"].values()]
        axes.barh(titles, medians_us, color="#4c72b0")
        axes.axvline(model["cpu_us"][OFF][0], color="#555555", linewidth=1, linestyle=":")
        axes.invert_yaxis()
        axes.set(title=model["model"], xlabel="processor time of a request, µs")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, format="png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard_costs", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california"])
    parser.add_argument("--features", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--rounds", type=int, default=40, help="the number of runs of each service (default 40)")
    parser.add_argument("--seconds", type=float, default=1.5, help="the length of a run (default 1.5)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    return measure_models(
        options.models,
        options.folder / "guard_costs.json",
        lambda name: measure(load_model(name), options.features, options.rounds, options.seconds),
        markdown,
        draw,
    )


if __name__ == "__main__":
    sys.exit(main())
