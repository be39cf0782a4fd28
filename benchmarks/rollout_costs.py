"""What does a challenger cost its champion? The same service with and without one, on one core, measured in turns.

With a challenger in the shadow: the rate that the champion holds, and its answers within the limit at 1.5 times the rate that it holds alone.
Also the processor time of a request with a canary. Writes ``rollout_costs.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import feature_costs
from benchmarks.bodies import BenchModel, load_model
from benchmarks.feature_costs import ALL, OFF, Variant
from benchmarks.model_results import measure_models
from benchmarks.peers.registry import PEERS
from benchmarks.pinned_servers import alternating, start_pinned
from benchmarks.process import ROOT, unwind_on_sigterm
from benchmarks.run import OVERLOAD_CONNECTIONS, RESULTS, requests_of
from benchmarks.swaps import copy_store
from rollout.document import Challenger, Limits, ModelRollout, RolloutDocument, Step, Sticky
from rollout.settings import RolloutSettings
from rollout.store import open_store

OVERLOAD = 1.5
"""The load of the overload, as a multiple of the rate that the champion holds alone."""
OVERLOAD_RUN_S = 5.0
OVERLOAD_REPEATS = 8
NO_LIMITS = Limits(error_rate=None, latency_rise=None, answer_drift=False, quality_drop=None)
"""Overload is not a reason to end the trial here."""
CHALLENGERS: dict[str, dict[str, Any]] = {
    ALL: {"mode": "shadow"},
    "request": {"mode": "canary", "steps": (Step(share=0.1, hold_s=86_400.0),), "sticky": Sticky(by="request")},
    "caller": {"mode": "canary", "steps": (Step(share=0.1, hold_s=86_400.0),), "sticky": Sticky(by="key")},
}
TITLES = {
    OFF: "no challenger",
    ALL: "challenger in the shadow",
    "request": "canary of 10%, by request",
    "caller": "canary of 10%, by caller",
}


def make_variants(folder: Path, tags: Sequence[str]) -> dict[str, Variant]:
    """Return the services; each has a rollout document of its own in a folder."""
    variants = {}
    for name, title in TITLES.items():
        environment = {
            "BENTOML_HOME": str(folder / "home"),
            "TABENTO_ROLLOUT_FOLDER": str(folder / name),
            "TABENTO_MONITORING": "false",
        }
        variants[name] = Variant(title, environment)
        if name != OFF:
            challenger = Challenger.model_validate({"tag": tags[1], "limits": NO_LIMITS, **CHALLENGERS[name]})
            model = ModelRollout(champion=tags[0], challenger=challenger, who="benchmark", why="costs")
            document = RolloutDocument(models={tags[0].partition(":")[0]: model})
            store = open_store(RolloutSettings(rollout_folder=folder / name))
            store.change(None, lambda _, document=document: document, "start")  # type: ignore[misc]
    return variants


def measure(model: BenchModel, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the rates without a challenger and with one in the shadow, and the champion's goodput of both at an overload.

    Raises:
        BenchmarkError: a service does not start.
    """
    with tempfile.TemporaryDirectory(prefix="rollout-costs-") as name:
        folder = Path(name)
        tags = copy_store(model.tag, folder / "home")
        champion = replace(model, tag=tags[0])
        variants = make_variants(folder, tags)
        results = feature_costs.measure(champion, variants, list(TITLES), rounds, seconds)
        results["overload"] = measure_overload(champion, variants, OVERLOAD * results["servers"][OFF]["qps"])
        return results


def measure_overload(model: BenchModel, variants: Mapping[str, Variant], rate_per_s: float) -> dict[str, Any]:
    """Return the answers within the limit of each second at an overload, in turns, and the rows of the shadow."""
    with ExitStack() as up:
        servers = {
            name: start_pinned(up, model, requests_of(PEERS["tabento"], model), ROOT, variants[name].environment)
            for name in (OFF, ALL)
        }
        goodput: dict[str, list[float]] = {name: [] for name in servers}
        for number in range(OVERLOAD_REPEATS):
            for name, server in alternating(servers, number):
                target = replace(server.target, connections=OVERLOAD_CONNECTIONS)
                run = target.poisson(rate_per_s, OVERLOAD_RUN_S, 701 + number)
                goodput[name].append(run.within(server.target.slo_s) / run.seconds)
        ratios = np.asarray(goodput[ALL]) / np.asarray(goodput[OFF])
        shadow = {
            key: value
            for key, value in servers[ALL].read_metrics().items()
            if key.startswith("tabento_rollout_shadow_rows")
        }
        return {
            "rate_per_s": round(rate_per_s),
            "goodput_per_s": {name: round(float(np.median(values))) for name, values in goodput.items()},
            "ratio": [round(float(value), 3) for value in np.quantile(ratios, (0.5, 0.1, 0.9))],
            "shadow_rows": shadow,
        }


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables."""
    lines = [feature_costs.markdown(results, {name: Variant(title) for name, title in TITLES.items()})]
    for model in results["models"]:
        overload = model["overload"]
        median, low, high = overload["ratio"]
        lines += [
            f"**{model['model']}** at {overload['rate_per_s']:,}/s, {OVERLOAD:g} times the rate held alone",
            "",
            "| service | answers within the limit, /s | of the answers without a challenger |",
            "| --- | --- | --- |",
            f"| {TITLES[OFF]} | {overload['goodput_per_s'][OFF]:,} | |",
            f"| {TITLES[ALL]} | {overload['goodput_per_s'][ALL]:,} | **{median:.3f}** ({low:.3f} to {high:.3f}) |",
            "",
            *(f"`{key}`: {value:,.0f}" for key, value in overload["shadow_rows"].items()),
            "",
        ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollout_costs", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california"])
    parser.add_argument("--rounds", type=int, default=20, help="the number of runs of each service (default 20)")
    parser.add_argument("--seconds", type=float, default=1.5, help="the length of a run (default 1.5)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    return measure_models(
        options.models,
        options.folder / "rollout_costs.json",
        lambda name: measure(load_model(name), options.rounds, options.seconds),
        markdown,
        partial(feature_costs.draw, variants={name: Variant(title) for name, title in TITLES.items()}),
    )


if __name__ == "__main__":
    sys.exit(main())
