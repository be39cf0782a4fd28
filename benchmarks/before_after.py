"""Did a change cost speed? The service of another commit beside the present one, asked in turns.

The other commit is laid out in a folder of its own and served by the same interpreter, so that only the code of the project
differs. Both services are up at once on the same core and are asked in turns (``benchmarks.staircase``): which rate each
holds within its promise, and what each answers in time under more than that. Writes ``before_after.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.bodies import BenchModel, load_model
from benchmarks.machine import describe_machine
from benchmarks.peers.registry import PEERS
from benchmarks.process import ROOT, BenchmarkError, served, unwind_on_sigterm
from benchmarks.run import (
    FACTORS,
    GENERATOR_CORE,
    MANY_CONNECTIONS,
    OVERLOAD_CONNECTIONS,
    RESULTS,
    SERVER_CORE,
    SLO_MS,
    START_PER_S,
    requests_of,
)
from benchmarks.scenarios import Target, overload, warm_up
from benchmarks.staircase import climb, ratio

BEFORE, AFTER = "before", "after"
LAST_STEP = 1.015
"""Two commits are close, so that rates have to move by less than two per cent in the end."""
CPU_SHARE = 0.5
"""The share of the rate that is asked while the processor time of a request is measured."""
OVERLOAD_S = 3.0
REPEATS = 6
"""How often each overload is run on each service, in turns."""


@contextmanager
def laid_out(revision: str) -> Iterator[Path]:
    """Yield a folder with the files of another commit.

    Raises:
        BenchmarkError: git does not know the commit.
    """
    with tempfile.TemporaryDirectory(prefix="before-") as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True)  # noqa: S607
        if archive.returncode:
            raise BenchmarkError(f"git cannot lay out {revision!r}: {archive.stderr.decode().strip()}")
        subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)  # noqa: S607
        yield Path(folder)


def compare(model: BenchModel, revision: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Return which rate both services hold, their ratio, and what both answer in time under more.

    Args:
        model: which model both serve.
        revision: the commit of the service before.
        rounds: how often each is asked.
        seconds: for how long each time.

    Raises:
        BenchmarkError: a service does not start.
    """
    peer = PEERS["tabento"]
    slo_s = SLO_MS.get(model.name, 10.0) / 1000
    arguments = ("service:Tabento", "--arg", f"model={model.tag}")
    with ExitStack() as up:
        folders = {BEFORE: up.enter_context(laid_out(revision)), AFTER: ROOT}
        targets: dict[str, Target] = {}
        workers: dict[str, psutil.Process] = {}
        for name, folder in folders.items():
            environment = {"PYTHONPATH": str(folder), "BENTOML_DO_NOT_TRACK": "True", "OMP_NUM_THREADS": "1"}
            service = served(sys.executable, *arguments, cwd=folder, environment=environment, core=SERVER_CORE)
            started = up.enter_context(service)
            workers[name] = max(psutil.Process(started.pid).children(), key=lambda child: child.memory_info().rss)
            targets[name] = Target(started.address, requests_of(peer, model), slo_s, core=GENERATOR_CORE)
            warm_up(targets[name])
        start = START_PER_S.get("tabento", 200.0)
        stairs = climb(
            {name: (each.poisson, slo_s, start) for name, each in targets.items()}, rounds, seconds, last_step=LAST_STEP
        )
        result: dict[str, Any] = {
            "model": model.name,
            "slo_ms": slo_s * 1e3,
            "before": revision,
            "servers": {name: stair.to_json() for name, stair in stairs.items()},
            "ratio": ratio(stairs[AFTER], stairs[BEFORE]),
        }
        qps = result["servers"][BEFORE]["qps"]
        result["cpu_us"] = _cpu_us(targets, workers, qps * CPU_SHARE)
        result["overload"] = [
            {"factor": factor, "connections": connections, **_overloaded(targets, qps, factor, connections)}
            for connections in (OVERLOAD_CONNECTIONS, MANY_CONNECTIONS)
            for factor in FACTORS
        ]
    return result


def _in_turns(targets: Mapping[str, Target], number: int) -> list[tuple[str, Target]]:
    """Return the services in an order that changes with each repeat: the first is not measured like the second."""
    order = list(targets.items())
    return order if number % 2 else order[::-1]


def _cpu_us(
    targets: Mapping[str, Target], workers: Mapping[str, psutil.Process], rate_per_s: float
) -> dict[str, list[float]]:
    """Return the processor time of a request on each service, in microseconds, as median, least and most of the runs.

    It is more exact than the rate that is held, and does not depend on what else the machine does.
    """
    found: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(REPEATS):
        for name, target in _in_turns(targets, number):
            before = sum(workers[name].cpu_times()[:2])
            run = target.poisson(rate_per_s, OVERLOAD_S, 301 + number)
            found[name].append((sum(workers[name].cpu_times()[:2]) - before) / len(run.latencies_s()) * 1e6)
    return {
        name: [round(float(value), 2) for value in (np.median(each), min(each), max(each))]
        for name, each in found.items()
    }


def _overloaded(
    targets: Mapping[str, Target], qps: float, factor: float, connections: int
) -> dict[str, list[float] | None]:
    """Return for each service the share of the rate that it answered in time, as median, least and most of the runs."""
    shares: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(REPEATS):
        for name, target in _in_turns(targets, number):
            run = overload(replace(target, connections=connections), qps, OVERLOAD_S, factor=factor, seed=201 + number)
            if run["valid"]:
                shares[name].append(run["goodput_share"])
    return {
        name: [round(float(value), 3) for value in (np.median(found), min(found), max(found))] if found else None
        for name, found in shares.items()
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return a table for each model."""
    lines = []
    for model in results["models"]:
        before, after, ratio_ = (model["servers"][BEFORE], model["servers"][AFTER], model["ratio"])
        lines += [
            f"**{model['model']}**, p99 ≤ {model['slo_ms']:g} ms, before: {model['before']}",
            "",
            "| | before | after | after / before |",
            "| --- | --- | --- | --- |",
            f"| rate held | {before['qps']:,.0f} | {after['qps']:,.0f} | **{ratio_['median']:.3f}**"
            f" ({ratio_['low']:.3f} to {ratio_['high']:.3f}) |",
        ]
        cpu = model["cpu_us"][BEFORE], model["cpu_us"][AFTER]
        shown = [f"{each[0]:.1f} ({each[1]:.1f} to {each[2]:.1f})" for each in cpu]
        lines.append(
            f"| processor time of a request at half of that, µs | {shown[0]} | {shown[1]} | {cpu[1][0] / cpu[0][0]:.3f} |"
        )
        for run in model["overload"]:
            both = run[BEFORE], run[AFTER]
            shown = [f"{each[0]:.3g} ({each[1]:.3g} to {each[2]:.3g})" if each else "void" for each in both]
            share = f"{both[1][0] / both[0][0]:.2f}" if both[0] and both[1] and both[0][0] else ""
            lines.append(
                f"| {run['factor']:g} times, {run['connections']:,} connections, in time | {shown[0]} | {shown[1]} | {share} |"
            )
        lines.append("")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.before_after", description=__doc__)
    parser.add_argument("--before", required=True, help="the commit to compare with")
    parser.add_argument("--models", nargs="+", default=["california"])
    parser.add_argument("--rounds", type=int, default=40, help="how often each service is asked (default 40)")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each time (default 1.5)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "before_after.json"
    models = []
    try:
        for name in options.models:
            sys.stderr.write(f"\n{name}\n")
            models.append(compare(load_model(name), options.before, options.rounds, options.seconds))
            results = {"machine": describe_machine(), "models": models}
            path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            path.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
