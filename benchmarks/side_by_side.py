"""Which rate does each server hold, and how does Tabento behave under overload? All servers run at the same time and are
measured in turns.

For shared machines, see ``benchmarks.staircase``. Writes ``side_by_side.json``, ``.md`` and ``.png`` to
``benchmarks/results/``, a model at a time, and prints the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.bodies import BenchModel, load_model
from benchmarks.machine import describe_machine
from benchmarks.peers.launch import launch_peer
from benchmarks.peers.registry import PEERS
from benchmarks.process import BenchmarkError, unwind_on_sigterm
from benchmarks.run import (
    FACTORS,
    GENERATOR_CORE,
    LENIENT,
    LENIENT_SLO_MS,
    MANY_CONNECTIONS,
    OVERLOAD_CONNECTIONS,
    RESULTS,
    SERVER_CORE,
    SLO_MS,
    START_PER_S,
    requests_of,
)
from benchmarks.scenarios import Target, at_share, overload, warm_up
from benchmarks.staircase import climb, ratio

TABENTO = "tabento"
SERVERS = (TABENTO, "constant", "fastapi_ort")
REPEATS = 5
"""The number of runs of each overload; median and range are reported."""
OVERLOAD_S = 3.0


def measure(model: BenchModel, servers: Sequence[str], rounds: int, seconds: float) -> dict[str, Any]:
    """Return each server's rate, the ratios to Tabento, and Tabento under overload.

    Raises:
        BenchmarkError: a server does not start.
    """
    slo_s = SLO_MS.get(model.name, 10.0) / 1000
    with ExitStack() as up:
        targets = {}
        for name in servers:
            server = up.enter_context(launch_peer(PEERS[name], model, frozenset({SERVER_CORE})))
            held_to_s = LENIENT_SLO_MS / 1000 if name in LENIENT else slo_s
            targets[name] = Target(server.address, requests_of(PEERS[name], model), held_to_s, core=GENERATOR_CORE)
            warm_up(targets[name])
        questions = {
            name: (target.poisson, target.slo_s, START_PER_S.get(name, 200.0)) for name, target in targets.items()
        }
        stairs = climb(questions, rounds, seconds)
        result: dict[str, Any] = {
            "model": model.name,
            "tag": model.tag,
            "slo_ms": slo_s * 1e3,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "servers": {name: stair.to_json() for name, stair in stairs.items()},
            "ratios": {name: ratio(stairs[TABENTO], stair) for name, stair in stairs.items() if name != TABENTO},
        }
        qps = result["servers"][TABENTO]["qps"]
        halves = [at_share(targets[TABENTO], qps, OVERLOAD_S, seed=101 + number) for number in range(REPEATS)]
        result["half"] = _figures(halves)
        result["overload"] = [
            {"factor": factor, "connections": connections} | _figures(runs)
            for connections in (OVERLOAD_CONNECTIONS, MANY_CONNECTIONS)
            for factor in FACTORS
            for crowded in [replace(targets[TABENTO], connections=connections)]
            for runs in [
                [overload(crowded, qps, OVERLOAD_S, factor=factor, seed=201 + number) for number in range(REPEATS)]
            ]
        ]
    return result


def _figures(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the median and the range over the valid runs of one load."""
    valid = [run for run in runs if run["valid"]]
    figures: dict[str, Any] = {"runs": len(valid), "void": len(runs) - len(valid)}
    for name, values in (
        ("goodput_share", [run.get("goodput_share") for run in valid]),
        ("accepted_p50_ms", [(run["accepted_ms"] or {}).get("p50") for run in valid]),
        ("accepted_p99_ms", [(run["accepted_ms"] or {}).get("p99") for run in valid]),
        ("refused_p99_ms", [(run.get("refused_ms") or {}).get("p99") for run in valid]),
    ):
        if numbers := [value for value in values if value is not None]:
            figures[name] = [round(float(value), 3) for value in (np.median(numbers), min(numbers), max(numbers))]
    return figures


def markdown(results: Mapping[str, Any]) -> str:
    """Return a table of rates and ratios, and a table of overload."""
    lines = []
    for model in results["models"]:
        lines += [
            f"**{model['model']}**, p99 ≤ {model['slo_ms']:g} ms",
            "",
            "| server | rate | quartiles | Tabento's is |",
        ]
        lines.append("| --- | --- | --- | --- |")
        for name, result in model["servers"].items():
            low, high = result["quartiles"]
            times = model["ratios"].get(name)
            times_text = (
                "" if times is None else f"{times['median']:.2f} times ({times['low']:.2f} to {times['high']:.2f})"
            )
            title = PEERS[name].title + (
                f", p99 ≤ {result['slo_ms']:g} ms" if result["slo_ms"] != model["slo_ms"] else ""
            )
            lines.append(f"| {title} | {result['qps']:,.0f} | {low:,.0f} to {high:,.0f} | {times_text} |")
        lines += ["", "| Tabento, offered | good answers | p99 of accepted, ms | p99 of refusals, ms |"]
        lines.append("| --- | --- | --- | --- |")
        questions = [("half of its rate, 64 connections", model["half"])]
        questions += [
            (f"{run['factor']:g} times, {run['connections']:,} connections", run) for run in model["overload"]
        ]
        for offered, run in questions:
            cells = (_format_range(run.get(name)) for name in ("goodput_share", "accepted_p99_ms", "refused_p99_ms"))
            lines.append(f"| {offered} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _format_range(figures: Sequence[float] | None) -> str:
    return "" if figures is None else f"{figures[0]:.3g} ({figures[1]:.3g} to {figures[2]:.3g})"


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw each server's rate, round by round."""
    figure = Figure(figsize=(11, 3.4 * len(results["models"])), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(results["models"]), squeeze=False)[:, 0]
    for axes, model in zip(panels, results["models"], strict=True):
        for name, result in model["servers"].items():
            axes.step(
                range(1, len(result["rates"]) + 1), result["rates"], where="mid", label=PEERS[name].title, linewidth=1.4
            )
        axes.set(title=f"{model['model']}, p99 ≤ {model['slo_ms']:g} ms", xlabel="round", ylabel="requests a second")
        axes.set_yscale("log")
        axes.legend(frameon=False, loc="lower right")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, format="png")


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california", "forest", "wide"])
    parser.add_argument(
        "--servers", nargs="+", default=list(SERVERS), choices=sorted(PEERS), help="tabento is always one of them"
    )
    parser.add_argument("--rounds", type=int, default=40, help="how often each server is asked (default 40)")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each time (default 1.5)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    unwind_on_sigterm()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / "side_by_side.json"
    models = json.loads(path.read_text(encoding="utf-8"))["models"] if path.exists() else []
    servers = [TABENTO, *(name for name in arguments.servers if name != TABENTO)]
    try:
        for name in arguments.models:
            sys.stderr.write(f"\n{name}\n")
            result = measure(load_model(name), servers, arguments.rounds, arguments.seconds)
            models = [model for model in models if model["model"] != name] + [result]
            results = {"machine": describe_machine(), "models": models}
            path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            path.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
            draw(results, path.with_suffix(".png"))
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
