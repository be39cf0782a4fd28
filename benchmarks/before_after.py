"""Did a change cost speed? The service of another commit and the present service, measured in turns.

The other commit is written to its own folder and served by the same interpreter, so that only the code of the project
differs. Both services run at the same time on the same core and are measured in turns (``benchmarks.staircase``): the rate
that each holds within its p99 limit, and the answers in time under overload. Writes ``before_after.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bodies import BenchModel, load_model
from benchmarks.model_results import measure_models
from benchmarks.peers.registry import PEERS
from benchmarks.pinned_servers import REPEATS, alternating, measure_cpu_us, start_pinned
from benchmarks.process import ROOT, BenchmarkError, unwind_on_sigterm
from benchmarks.run import (
    FACTORS,
    MANY_CONNECTIONS,
    OVERLOAD_CONNECTIONS,
    RESULTS,
    SLO_MS,
    START_PER_S,
    requests_of,
)
from benchmarks.scenarios import Target, overload
from benchmarks.staircase import climb, ratio

BEFORE, AFTER = "before", "after"
LAST_STEP = 1.015
"""Two commits are close, so that the last steps of the rate must be smaller than two per cent."""
CPU_SHARE = 0.5
"""The share of the rate at which the processor time of a request is measured."""
OVERLOAD_S = 3.0


@contextmanager
def checkout_of(revision: str) -> Iterator[Path]:
    """Yield a folder with the files of another commit.

    Raises:
        BenchmarkError: git does not know the commit.
    """
    with tempfile.TemporaryDirectory(prefix="before-") as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True)  # noqa: S607 - git is where the user's PATH has it
        if archive.returncode:
            raise BenchmarkError(f"git cannot archive {revision!r}: {archive.stderr.decode().strip()}")
        subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)  # noqa: S607 - tar is where the user's PATH has it
        yield Path(folder)


def compare(model: BenchModel, revision: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the rates that both services hold, their ratio, and their answers in time under overload.

    Args:
        model: the model that both serve.
        revision: the commit of the service before.
        rounds: the number of runs of each service.
        seconds: the length of a run.

    Raises:
        BenchmarkError: a service does not start.
    """
    slo_s = SLO_MS.get(model.name, 10.0) / 1000
    with ExitStack() as up:
        folders = {BEFORE: up.enter_context(checkout_of(revision)), AFTER: ROOT}
        requests = requests_of(PEERS["tabento"], model)
        servers = {
            name: start_pinned(up, model, requests, folder, {"PYTHONPATH": str(folder)})
            for name, folder in folders.items()
        }
        targets = {name: server.target for name, server in servers.items()}
        start = START_PER_S.get("tabento", 200.0)
        stairs = climb(
            {name: (target.poisson, slo_s, start) for name, target in targets.items()},
            rounds,
            seconds,
            last_step=LAST_STEP,
        )
        result: dict[str, Any] = {
            "model": model.name,
            "slo_ms": slo_s * 1e3,
            "before": revision,
            "servers": {name: stair.to_json() for name, stair in stairs.items()},
            "ratio": ratio(stairs[AFTER], stairs[BEFORE]),
        }
        qps = result["servers"][BEFORE]["qps"]
        result["cpu_us"] = measure_cpu_us(servers, qps * CPU_SHARE)
        result["overload"] = [
            {"factor": factor, "connections": connections, **_overload_shares(targets, qps, factor, connections)}
            for connections in (OVERLOAD_CONNECTIONS, MANY_CONNECTIONS)
            for factor in FACTORS
        ]
    return result


def _overload_shares(
    targets: Mapping[str, Target], qps: float, factor: float, connections: int
) -> dict[str, list[float] | None]:
    """Return for each service the share of the rate that it answered in time, as median, minimum and maximum of the runs."""
    shares: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(REPEATS):
        for name, target in alternating(targets, number):
            run = overload(replace(target, connections=connections), qps, OVERLOAD_S, factor=factor, seed=201 + number)
            if run["valid"]:
                shares[name].append(run["goodput_share"])
    return {
        name: [round(float(value), 3) for value in (np.median(values), min(values), max(values))] if values else None
        for name, values in shares.items()
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
        texts = [f"{values[0]:.1f} ({values[1]:.1f} to {values[2]:.1f})" for values in cpu]
        lines.append(
            f"| processor time of a request at half of that, µs | {texts[0]} | {texts[1]} | {cpu[1][0] / cpu[0][0]:.3f} |"
        )
        for run in model["overload"]:
            pair = run[BEFORE], run[AFTER]
            texts = [f"{values[0]:.3g} ({values[1]:.3g} to {values[2]:.3g})" if values else "void" for values in pair]
            share = f"{pair[1][0] / pair[0][0]:.2f}" if pair[0] and pair[1] and pair[0][0] else ""
            lines.append(
                f"| {run['factor']:g} times, {run['connections']:,} connections, in time | {texts[0]} | {texts[1]} | {share} |"
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
    return measure_models(
        options.models,
        options.folder / "before_after.json",
        lambda name: compare(load_model(name), options.before, options.rounds, options.seconds),
        markdown,
    )


if __name__ == "__main__":
    sys.exit(main())
