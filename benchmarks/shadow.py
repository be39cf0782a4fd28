"""What does a challenger cost the champion? One service on one core, alone, with a challenger in the shadow, and with a canary.

The challenger has the champion's graph, so every answer can be checked. Each load runs in turns in all modes, so that the state of the
computer affects all of them alike. Writes ``shadow.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bodies import BenchModel, load_model
from benchmarks.peers.registry import PEERS
from benchmarks.pinned_servers import PinnedServer, start_pinned
from benchmarks.process import ROOT, unwind_on_sigterm
from benchmarks.run import RESULTS, requests_of
from benchmarks.scenarios import capacity, overload
from benchmarks.swaps import copy_store
from rollout.document import Challenger, Limits, ModelRollout, Step, Sticky
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore, open_store

SETTLE_S = 3.0
"""The seconds after a change of the document until the load begins."""
START_PER_S = 4_000.0
NO_LIMITS = Limits(
    error_rate=None, latency_rise=None, differing_share=None, answer_drift=False, quality_drop=None, min_requests=10**9
)


def modes_of(tag: str) -> dict[str, Challenger | None]:
    """Return the challengers to measure, by the name of the mode."""
    canary = {"tag": tag, "mode": "canary", "sticky": Sticky(by="request"), "limits": NO_LIMITS, "advance": "manual"}
    return {
        "alone": None,
        "shadow": Challenger(tag=tag, mode="shadow", limits=NO_LIMITS),
        "canary 10%": Challenger.model_validate({**canary, "steps": (Step(share=0.1),)}),
        "canary 50%": Challenger.model_validate({**canary, "steps": (Step(share=0.5),)}),
    }


def want(store: DocumentStore, champion: str, challenger: Challenger | None) -> None:
    """Change the document, and wait until the service has followed."""
    entry = ModelRollout(champion=champion, challenger=challenger, who="benchmark", why="shadow")
    name = champion.partition(":")[0]
    store.change(None, lambda document: document.model_copy(update={"models": {name: entry}}), "start")
    time.sleep(SETTLE_S)


def measure(model: BenchModel, seconds: float, repeats: int) -> dict[str, Any]:
    """Return the rates within the SLO, and the good answers under overload, of all modes.

    Raises:
        BenchmarkError: the service does not start, or gives a wrong answer.
    """
    with tempfile.TemporaryDirectory(prefix="shadow-") as name, ExitStack() as up:
        folder = Path(name)
        tags = copy_store(model.tag, folder / "home")
        environment = {
            "BENTOML_HOME": str(folder / "home"),
            "TABENTO_ROLLOUT_FOLDER": str(folder / "rollout"),
            "TABENTO_MONITORING_FOLDER": str(folder / "monitoring"),
        }
        server = start_pinned(up, replace(model, tag=tags[0]), requests_of(PEERS["tabento"], model), ROOT, environment)
        store = open_store(RolloutSettings(rollout_folder=folder / "rollout"))
        modes = modes_of(tags[1])
        rates: dict[str, list[float]] = {mode: [] for mode in modes}
        goodputs: dict[str, list[float]] = {mode: [] for mode in modes}
        rows: dict[str, dict[str, float]] = {}
        for repeat in range(repeats):
            for mode, challenger in modes.items():
                want(store, tags[0], challenger)
                search = capacity(server.target, START_PER_S, seconds, seed=1_000 * (repeat + 1))
                rates[mode].append(search["rate_per_s"] or 0.0)
                sys.stderr.write(f"{model.name}, {mode}: {rates[mode][-1]:,.0f}/s within the SLO\n")
            full_per_s = max(rates["alone"])
            for mode, challenger in modes.items():
                want(store, tags[0], challenger)
                before = _shadow_rows(server)
                run = overload(server.target, full_per_s, 3 * seconds, seed=1_000 * (repeat + 1) + 500)
                goodputs[mode].append(run["goodput_per_s"])
                rows[mode] = {key: value - before.get(key, 0.0) for key, value in _shadow_rows(server).items()}
                sys.stderr.write(f"{model.name}, {mode}: {goodputs[mode][-1]:,.0f}/s good answers under overload\n")
        alone_per_s, alone_goodput = np.median(rates["alone"]), np.median(goodputs["alone"])
        return {
            "model": model.name,
            "slo_ms": server.target.slo_s * 1e3,
            "modes": {
                mode: {
                    "rates_per_s": rates[mode],
                    "rate_share": round(float(np.median(rates[mode]) / alone_per_s), 3) if alone_per_s else None,
                    "overload_goodputs_per_s": goodputs[mode],
                    "overload_share": round(float(np.median(goodputs[mode]) / alone_goodput), 3),
                    "shadow_rows_under_overload": rows[mode],
                }
                for mode in modes
            },
        }


def _shadow_rows(server: PinnedServer) -> dict[str, float]:
    """Return the counts of the shadow's rows by result, over all challengers."""
    counts: dict[str, float] = {}
    for series, value in server.read_metrics().items():
        if series.startswith("tabento_rollout_shadow_rows_total"):
            result = series.partition('result="')[2].partition('"')[0]
            counts[result] = counts.get(result, 0.0) + value
    return counts


def markdown(results: Mapping[str, Any]) -> str:
    """Return a table of the figures."""
    lines = [
        "| model | mode | rate within the SLO | share of alone | good answers at 1.5 times | share of alone |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for model in results["models"]:
        for mode, figures in model["modes"].items():
            share = figures["rate_share"]
            lines.append(
                f"| {model['model']} | {mode} | {np.median(figures['rates_per_s']):,.0f}/s |"
                f" {'' if share is None else format(share, '.2f')} |"
                f" {np.median(figures['overload_goodputs_per_s']):,.0f}/s | {figures['overload_share']:.2f} |"
            )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shadow", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["california"])
    parser.add_argument("--seconds", type=float, default=4.0, help="the length of a run (default 4)")
    parser.add_argument("--repeats", type=int, default=3, help="the number of turns (default 3)")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    results = {"models": [measure(load_model(name), options.seconds, options.repeats) for name in options.models]}
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "shadow.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (options.folder / "shadow.md").write_text(markdown(results), encoding="utf-8")
    sys.stdout.write(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
